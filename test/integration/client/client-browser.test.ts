import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFreePort } from '../../../install/dev/system/ports.ts';
import { closeTabs, hasBrowser, sharedBrowser } from '../../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';

const shared = fileURLToPath(new URL('../../../shared', import.meta.url));
const served = new Set<string>();
let relay: TestRelay;
let log: LogFiller;
let site: Server;
let browser: Browser;
let origin: string;

/** What such a page would hold. */
const page = `
  import { localStoragePositions } from '/client/position-store.ts';
  import { createRelayClient } from '/client/relay-client.ts';

  export async function follow(url, enough) {
    const ticket = async () => (await (await fetch('/ticket')).json()).ticket;
    const positions = localStoragePositions(localStorage, 'relay');
    const numbers = [];
    for await (const item of createRelayClient({ url, ticket }).events({ after: 'start', positions })) {
      if (numbers.push(item.call.n) === enough) return numbers;
    }
  }

  export async function refusalWithKey(url) {
    try {
      createRelayClient({ url, apiKey: 'any' }).events();
    } catch (error) {
      return error.code;
    }
  }

  export async function refusalOfTicket(url) {
    const stream = createRelayClient({ url, ticket: async () => 'used' }).events();
    return stream.next().catch(error => [error.code, error.closeCode]);
  }`;

/** The site of somebody else: serves the library as it stands, without its types, and gets tickets for its visitors. */
async function answer(path: string): Promise<{ type: string; body: string } | null> {
  if (path === '/') return { type: 'text/html', body: '<!doctype html><title>wallboard</title>' };
  if (path === '/page.js') return { type: 'text/javascript', body: page };
  if (path === '/ticket') {
    const response = await fetch(`${relay.url}/relay/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${relay.apiKey}` },
    });
    return { type: 'application/json', body: await response.text() };
  }
  if (!/^\/(client|wire)\/[a-z-]+\.ts$/.test(path)) return null;
  served.add(path);
  return { type: 'text/javascript', body: stripTypeScriptTypes(await readFile(shared + path, 'utf8')) };
}

beforeAll(async () => {
  const port = await findFreePort();
  origin = `http://127.0.0.1:${port}`;
  relay = await startTestRelay({ RELAY_ALLOWED_ORIGINS: origin });
  log = createLogFiller(relay);
  await log.fill(50);
  site = createServer((request, response) => {
    answer(request.url ?? '').then(
      found => response.writeHead(found ? 200 : 404, { 'content-type': found?.type ?? 'text/plain' }).end(found?.body),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>(resolve => site.listen(port, '127.0.0.1', resolve));
  expect((site.address() as AddressInfo).port).toBe(port);
  if (hasBrowser) browser = await sharedBrowser();
});

afterAll(async () => {
  await closeTabs(browser);
  site?.close();
  await log?.stop();
  await relay?.stop();
});

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

async function openTab() {
  const tab = await browser.newPage();
  await tab.goto(origin);
  // As text: what the test runner makes of an import works in its own modules only.
  const call = (name: string, ...args: unknown[]) =>
    tab.evaluate(`import('/page.js').then(page => page.${name}(...${JSON.stringify([relay.url, ...args])}))`);
  return { tab, call };
}

it.skipIf(!hasBrowser)(
  'a page of another site follows the relay by tickets, and goes on where it was when it is loaded anew',
  async () => {
    const { tab, call } = await openTab();
    expect(await call('follow', 50)).toEqual(range(1, 50));
    await tab.reload();
    await log.fill(5);
    // The item in whose turn the loop was left comes again.
    expect(await call('follow', 6)).toEqual(range(50, 55));
    const ofTheWire = [...served].filter(path => path.startsWith('/wire/')).sort();
    expect(ofTheWire).toEqual(['/wire/channels.ts', '/wire/close-codes.ts']);
    await tab.close();
  },
);

it.skipIf(!hasBrowser)(
  'a page that brings a key is told to bring a ticket, and a ticket that is none is refused for good',
  async () => {
    const { tab, call } = await openTab();
    expect(await call('refusalWithKey')).toBe('invalid_options');
    expect(await call('refusalOfTicket')).toEqual(['unauthenticated', 4001]);
    await tab.close();
  },
);
