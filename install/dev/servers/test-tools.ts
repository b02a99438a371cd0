import { existsSync } from 'node:fs';
import { findCommand } from '../system/command.ts';
import { aptInstall, canUseApt } from './apt-install.ts';

/**
 * Programs of others that the tests look at the product with: a browser, the clients of the examples, and what makes
 * certificates. Where one is missing and cannot be installed its tests are skipped or fail, and the run says so.
 */
interface TestTool {
  readonly name: string;
  readonly packages: readonly string[];
  readonly isHere: () => Promise<boolean> | boolean;
}

/** Where Debian, Ubuntu, Fedora, Arch and macOS put it; `CHROMIUM` names another one. Without windows it is quicker. */
const CHROMIUM_PLACES = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Null when this machine has none. */
export function findChromium(): string | null {
  return process.env.CHROMIUM ?? CHROMIUM_PLACES.find(place => existsSync(place)) ?? null;
}

const isCommand = (name: string) => async () => (await findCommand(name)) !== undefined;

const TOOLS: readonly TestTool[] = [
  { name: 'Chromium', packages: ['chromium-headless-shell', 'chromium'], isHere: () => findChromium() !== null },
  { name: 'curl', packages: ['curl'], isHere: isCommand('curl') },
  { name: 'OpenSSL', packages: ['openssl'], isHere: isCommand('openssl') },
  { name: 'Python 3', packages: ['python3-minimal'], isHere: isCommand('python3') },
];

/** Installs what is missing where that is possible. Returns the names of those that are missing all the same. */
export async function obtainTestTools(): Promise<string[]> {
  const missing: string[] = [];
  const mayInstall = await canUseApt();
  for (const { name, packages, isHere } of TOOLS) {
    if (await isHere()) continue;
    if (mayInstall) await aptInstall(packages);
    if (!(await isHere())) missing.push(name);
  }
  return missing;
}
