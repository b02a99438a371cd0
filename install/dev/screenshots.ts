import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../../test/harness/browser.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { OperatorError } from './operator-error.js';
import type { StackDescription } from './stack/stack-file.ts';
import { startChild } from './system/child.ts';
import { announce, fail, succeed } from './terminal.js';

/**
 * `npm run screenshots`: pictures of the panel for the README, each in light and in dark, of the stack that runs in this
 * folder, or of one that is started for them. What they show is the simulated PBX.
 */
type Browser = Awaited<ReturnType<typeof launchBrowser>>;
type Page = Awaited<ReturnType<Browser['newPage']>>;
type Stack = Pick<StackDescription, 'relayUrl' | 'adminUrl' | 'apiKey' | 'admin'>;

const root = fileURLToPath(new URL('../..', import.meta.url));
const stackFile = join(root, process.env.RELAY_DATA_DIR ?? '.data', 'stack.json');
const folder = join(root, 'admin-ui/screenshots');
const SIZE = { width: 1440, height: 900 };
const SCHEMES = ['light', 'dark'] as const;
/** A picture in a README is not to be measured: what JPEG leaves out nobody misses, and a PNG is larger. */
const JPEG_QUALITY = 74;
const WAIT_MS = 120_000;
/** From a start to pictures that show something: calls that are over, and their records. */
const TRAFFIC_MS = 90_000;
const STOP_MS = 30_000;

/** A page, and what must be on it before it is taken. */
interface Picture {
  readonly name: string;
  readonly open: (page: Page, adminUrl: string) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  {
    name: 'dashboard',
    async open(page, adminUrl) {
      await page.goto(`${adminUrl}#/`);
      await page.getByRole('heading', { name: 'Components' }).waitFor();
      await page.locator('canvas').first().waitFor();
      await page.getByText('Everything works').waitFor();
    },
  },
  {
    name: 'live-tail',
    async open(page, adminUrl) {
      await page.goto(`${adminUrl}#/tail?channel=calls`);
      await page.locator('[data-row]').nth(20).waitFor();
      // One that is open, with rows above it and what it says beneath.
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.locator('[data-row]', { hasText: 'Answered' }).last().click();
      await page.getByRole('button', { name: 'Copy link' }).waitFor();
      await page.getByRole('region', { name: 'Events, the newest last' }).evaluate(list => list.scrollBy(0, 340));
    },
  },
  {
    name: 'call-timeline',
    async open(page, adminUrl) {
      await page.goto(`${adminUrl}#/calls/${await findCall(page, adminUrl)}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByText('Records added').first().waitFor();
    },
  },
  {
    name: 'api-keys',
    async open(page, adminUrl) {
      await page.goto(`${adminUrl}#/api-keys`);
      await page.getByRole('main').locator('a[href^="#/api-keys/"]:not([href$="/new"])').first().click();
      await page.locator('canvas').first().waitFor();
    },
  },
];

try {
  if (existsSync(stackFile)) await takeAll(await readStack());
  else await withStack(takeAll);
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  fail(error.message);
  process.exitCode = error.exitCode;
}

async function withStack(work: (stack: Stack) => Promise<void>): Promise<void> {
  announce('starting the stack, and letting it run until there is something to see');
  const args = ['install/dev/stack.ts'];
  let output = '';
  const child = await startChild({
    ...{ command: process.execPath, args, cwd: root },
    output: chunk => {
      output = (output + chunk.toString()).slice(-4_000);
    },
  });
  try {
    const stack = await Promise.race([
      waitFor(() => readStack(), { what: 'the stack to run', timeoutMs: WAIT_MS, everyMs: 500 }),
      child.exited.then(() => {
        throw new OperatorError(`The stack did not start:\n${output}`);
      }),
    ]);
    await sleep(TRAFFIC_MS);
    await work(stack);
  } finally {
    await child.stop({ signal: 'SIGINT', deadlineMs: STOP_MS });
  }
}

async function readStack(): Promise<Stack> {
  return JSON.parse(await readFile(stackFile, 'utf8')) as StackDescription;
}

async function takeAll(stack: Stack): Promise<void> {
  // It may still be built.
  await waitFor(async () => (await fetch(stack.adminUrl)).ok, { what: 'the panel', timeoutMs: WAIT_MS, everyMs: 500 });
  await useKey(stack);
  await mkdir(folder, { recursive: true });
  const browser = await launchBrowser();
  try {
    for (const scheme of SCHEMES) await takeIn(scheme, browser, stack);
  } finally {
    await browser.close();
  }
}

/** As a program does, so that its page has something to show. */
async function useKey({ relayUrl, apiKey }: Stack): Promise<void> {
  if (apiKey === null) return;
  for (const path of ['active-calls', 'events?order=desc&limit=50', 'history/calls?limit=20', 'cdr?limit=5']) {
    for (let times = 0; times < 10; times += 1) {
      await (await fetch(`${relayUrl}/relay/${path}`, { headers: { 'x-api-key': apiKey } })).text();
    }
  }
}

async function takeIn(scheme: (typeof SCHEMES)[number], browser: Browser, stack: Stack): Promise<void> {
  const context = await browser.newContext({
    ...{ viewport: SIZE, colorScheme: scheme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' },
  });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  await signIn(page, stack);
  for (const { name, open } of PICTURES) {
    await open(page, stack.adminUrl);
    await settle(page);
    const picture = await page.screenshot({ type: 'jpeg', quality: JPEG_QUALITY });
    await writeFile(join(folder, `${name}-${scheme}.jpg`), picture);
    succeed(`${name} in ${scheme}`, `${Math.round(picture.length / 1024)} KB`);
  }
  await context.close();
}

/** Nothing on the page changes size or place any more, and what is drawn by itself is drawn. */
async function settle(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle').catch(() => undefined);
  let before: Buffer | null = null;
  for (let look = 0; look < 10; look += 1) {
    const now = await page.screenshot();
    if (before?.equals(now)) return;
    before = now;
    await sleep(300);
  }
}

async function signIn(page: Page, { adminUrl, admin }: Stack): Promise<void> {
  if (admin === null)
    throw new OperatorError('This stack does not say how to sign in: its first admin was made elsewhere.');
  await page.goto(adminUrl);
  await page.getByLabel('Username').fill(admin.username);
  await page.getByLabel('Password', { exact: true }).fill(admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** A call that is over and has its records, with as many in it as any. */
async function findCall(page: Page, adminUrl: string): Promise<string> {
  const url = `${adminUrl}relay/events?channel=calls&event=call.finalized&order=desc&limit=100`;
  const { events } = (await (await page.request.get(url)).json()) as {
    events: { call: { callId: string; formerLegs: unknown[]; disposition: string } }[];
  };
  const [found] = events
    .map(({ call }) => call)
    .filter(({ disposition }) => disposition === 'answered')
    .sort((a, b) => b.formerLegs.length - a.formerLegs.length);
  if (!found) throw new OperatorError('No call is over yet: let the stack run for a minute, then try again.');
  return found.callId;
}
