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

let shared: Promise<Browser> | undefined;

/** One for all the files of this worker: to start one takes longer than most of what is done with it. */
export async function sharedBrowser(): Promise<Browser> {
  if (shared && !(await shared).isConnected()) shared = undefined;
  shared ??= launchBrowser();
  return shared;
}

/** What a file opened in it and did not close; the browser itself ends with the worker. */
export async function closeTabs(browser: Browser | undefined): Promise<void> {
  await Promise.all(browser?.contexts().map(context => context.close()) ?? []);
}
