import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The programs that the page of the documents shows, run as a reader would run them. */
let relay: TestRelay;
let log: LogFiller;
let dir: string;
let site: Server;
let origin: string;

const examples = fileURLToPath(new URL('../../services/relay/documents/examples', import.meta.url));

const PROGRAMS = [
  { language: 'curl', command: 'sh', file: 'curl.sh', needs: 'curl' },
  { language: 'Node', command: process.execPath, file: 'node.mjs', needs: process.execPath },
  { language: 'Python', command: 'python3', file: 'python.py', needs: 'python3' },
];

beforeAll(async () => {
  // The page comes from a server of its own, whose origin the relay has to allow.
  site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    createReadStream(join(examples, 'browser.html')).pipe(response);
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  relay = await startTestRelay({ RELAY_ALLOWED_ORIGINS: origin });
  log = createLogFiller(relay);
  dir = await mkdtemp(join(tmpdir(), 'relay-examples-'));
});

afterAll(async () => {
  site?.close();
  await log?.stop();
  await relay?.stop();
  await rm(dir, { recursive: true, force: true });
});

type Program = { ids(): string[]; errors(): string; ended: Promise<number | null>; stop(): Promise<void> };

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) process.kill(-(child.pid ?? 0), 'SIGKILL');
});

function run({ command, file }: { command: string; file: string }, key = relay.apiKey): Program {
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    RELAY_URL: relay.url,
    RELAY_KEY: key,
    POSITION_FILE: join(dir, file),
  };
  // A group of its own: a shell that is stopped leaves its curl behind.
  const child = spawn(command, [join(examples, file)], { env, cwd: dir, detached: true });
  running.add(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  child.stderr.on('data', chunk => {
    errors += chunk;
  });
  const ended = new Promise<number | null>(resolve => {
    child.once('close', code => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    ids: () => [...output.matchAll(/(?<=\b)example-\d+/g)].map(([id]) => id),
    errors: () => errors,
    ended,
    async stop() {
      // One that is stopped between dealing with an event and keeping its position would tell it again, as it must.
      const head = await readHead();
      const isKept = async () => (await readFile(join(dir, file), 'utf8')) === head;
      await waitFor(isKept, { what: 'the position to be kept' });
      process.kill(-(child.pid ?? 0), 'SIGTERM');
      await ended;
    },
  };
}

async function readHead(): Promise<string> {
  const answer = await fetch(`${relay.url}/relay/events?after=now`, { headers: { 'x-api-key': relay.apiKey } });
  return ((await answer.json()) as { head: string }).head;
}

let told = 0;

/** Appends so many calls, and says by which ids they will be known. */
async function fill(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `example-${told + i + 1}`);
  told += count;
  await log.append(
    ids.map(callId => {
      const at = Date.now();
      const event = 'call.updated';
      const call = { callId, caller: { number: null } };
      const body = JSON.stringify({ at: new Date(at).toISOString(), event, data: null, participant: null, call });
      return { type: 'call_event', at, body, event, call: callId };
    }),
  );
  return ids;
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.each(PROGRAMS)('the example for $language', program => {
  test.skipIf(!isInstalled(program.needs))('tells every event once, over a restart too', async () => {
    const before = await fill(3);
    const first = run(program);
    await waitFor(() => first.ids().includes(before.at(-1) ?? ''), { what: 'what was there already' });
    const live = await fill(2);
    await waitFor(() => first.ids().includes(live.at(-1) ?? ''), { what: 'what came while it ran' });
    await first.stop();
    const between = await fill(2);
    const second = run(program);
    await waitFor(() => second.ids().includes(between.at(-1) ?? ''), { what: 'what came while it was away' });
    const after = await fill(1);
    await waitFor(() => second.ids().includes(after.at(-1) ?? ''), { what: 'what came behind it' });
    await second.stop();
    expect(first.ids().slice(-5)).toEqual([...before, ...live]);
    expect(second.ids()).toEqual([...between, ...after]);
  });

  test.skipIf(!isInstalled(program.needs))('says why when its key is not valid, and ends', async () => {
    const stranger = run(program, `3cxr_${'0'.repeat(64)}`);
    expect(await stranger.ended).not.toBe(0);
    expect(stranger.errors()).toMatch(/401|not valid/);
  });
});

describe.skipIf(!hasBrowser)('the example for the browser', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await sharedBrowser();
  });

  afterAll(() => closeTabs(browser));

  async function open(): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${origin}/?relay=${relay.url}`);
    return page;
  }

  async function connect(page: Page, key: string): Promise<void> {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button').click();
  }

  /** The newest stands in front. */
  async function shown(page: Page): Promise<string[]> {
    const texts = await page.locator('#events li').allTextContents();
    return texts.map(text => /example-\d+/.exec(text)?.[0] ?? text).reverse();
  }

  const untilShown = (page: Page, ids: string[]) =>
    waitFor(async () => (await shown(page)).includes(ids.at(-1) ?? ''), { what: `the page to show ${ids.at(-1)}` });

  test('shows every event once, over a reload too', async () => {
    const page = await open();
    const before = await fill(2);
    await connect(page, relay.apiKey);
    await untilShown(page, before);
    const live = await fill(1);
    await untilShown(page, live);
    const head = await readHead();
    await waitFor(async () => (await page.evaluate('localStorage.getItem("relay-position")')) === head, {
      what: 'the position to be kept',
    });
    expect((await shown(page)).slice(-3)).toEqual([...before, ...live]);

    await page.reload();
    const between = await fill(2);
    await connect(page, relay.apiKey);
    await untilShown(page, between);
    const after = await fill(1);
    await untilShown(page, after);
    expect(await shown(page)).toEqual([...between, ...after]);
    await page.close();
  });

  test('says why when the key is not valid', async () => {
    const page = await open();
    await connect(page, `3cxr_${'0'.repeat(64)}`);
    await waitFor(async () => /not valid/.test((await page.locator('#state').textContent()) ?? ''), {
      what: 'the page to say so',
    });
    await page.close();
  });
});
