import { createServer, type Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

let relay: TestRelay;
let log: LogFiller;
let proxy: TcpProxy;
let site: Server;
let origin: string;
let browser: Browser;

beforeAll(async () => {
  const port = await findFreePort();
  origin = `http://127.0.0.1:${port}`;
  relay = await startTestRelay({ RELAY_ALLOWED_ORIGINS: origin });
  log = createLogFiller(relay);
  await log.fill(20);
  proxy = await startTcpProxy(relay.url);
  site = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>wallboard</title>');
  });
  await new Promise<void>(resolve => site.listen(port, '127.0.0.1', resolve));
  if (hasBrowser) browser = await sharedBrowser();
});

afterAll(async () => {
  await closeTabs(browser);
  site?.close();
  await proxy?.stop();
  await log?.stop();
  await relay?.stop();
});

async function getTicket(): Promise<string> {
  const headers = { 'x-api-key': relay.apiKey };
  const response = await fetch(`${relay.url}/relay/tickets`, { method: 'POST', headers });
  return ((await response.json()) as { ticket: string }).ticket;
}

it.skipIf(!hasBrowser)(
  "a browser's own EventSource, let in by a ticket, comes back by itself and misses nothing",
  async () => {
    const tab = await browser.newPage();
    await tab.goto(origin);
    const url = `${proxy.url.replace(/\/$/, '')}/relay/events/stream?after=start&ticket=${await getTicket()}`;
    await tab.evaluate(`
    globalThis.numbers = [];
    globalThis.opened = 0;
    const source = new EventSource(${JSON.stringify(url)}, { withCredentials: true });
    source.onopen = () => { globalThis.opened += 1; };
    source.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'call_event') globalThis.numbers.push(message.call.n);
    };
  `);
    const numbers = () => tab.evaluate<number[]>('globalThis.numbers');
    await waitFor(async () => (await numbers()).length === 20, { what: 'the history' });
    await proxy.cut();
    await log.fill(5);
    await proxy.restore();
    await waitFor(async () => (await numbers()).length >= 25, { what: 'what was missed', timeoutMs: 15_000 });
    await log.fill(2);
    await waitFor(async () => (await numbers()).length >= 27, { what: 'what is live' });
    expect(await numbers()).toEqual(Array.from({ length: 27 }, (_, i) => i + 1));
    expect(await tab.evaluate('globalThis.opened')).toBe(2);
    await tab.close();
  },
);
