import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../install/dev/servers/test-tools.ts';

/** False on a machine without one: tests that need it are then skipped. */
export const hasBrowser = findChromium() !== null;

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium here: install it, or name one in CHROMIUM');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
  return chromium.launch({ executablePath, args });
}
