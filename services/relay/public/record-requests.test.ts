import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import Router from '@koa/router';
import Koa from 'koa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { recordRequests } from './record-requests.ts';
import type { RelayState } from './require-permission.ts';

let server: Server;
let url: string;
let written: RequestRecord[];
let counted: RequestRecord[];
/** Ends what the routes wait for. */
let release: () => void;

beforeEach(async () => {
  written = [];
  counted = [];
  const released = new Promise<void>(resolve => {
    release = resolve;
  });
  const app = new Koa<RelayState>();
  const router = new Router<RelayState>();
  router.use(async (context, next) => {
    context.state.key = {
      id: 7,
      clientName: 'CRM',
      permissions: ['read'],
      expiresAt: null,
      dns: null,
      addresses: null,
      maxConnections: null,
      requestsPerSecond: null,
    };
    await next();
  });
  router.get('/relay/slow', async context => {
    await released;
    context.body = 'late';
  });
  router.get('/relay/events/stream', async context => {
    context.respond = false;
    context.status = 200;
    context.type = 'text/event-stream';
    context.res.write('data: 1\n\n');
  });
  router.get('/relay/streams/:channel', context => {
    context.status = 204;
  });
  app.use(
    recordRequests({
      write: record => void written.push(record),
      count: record => void counted.push(record),
      stop: async () => undefined,
    }),
  );
  app.use(router.routes());
  server = createServer(app.callback());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  release();
  server.closeAllConnections();
  server.close();
});

test('a stream is on record once it has ended, with how long it was open and what it brought', async () => {
  const aborter = new AbortController();
  const response = await fetch(`${url}/relay/events/stream`, { signal: aborter.signal });
  await response.body?.getReader().read();
  expect(written).toEqual([]);
  aborter.abort();
  await vi.waitFor(() => expect(written).toHaveLength(1));
  expect(written[0]).toMatchObject({
    event: 'sse.end',
    endpoint: '/relay/events/stream',
    transport: 'sse',
    status: 200,
  });
  expect(written[0]?.address).toBe('127.0.0.1');
  expect(written[0]?.bytes).toBeGreaterThan(10);
});

test('a client that leaves before its answer is on record as such', async () => {
  const aborter = new AbortController();
  const request = fetch(`${url}/relay/slow`, { signal: aborter.signal });
  await vi.waitFor(async () => {
    const open = await new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)));
    expect(open).toBe(1);
  });
  aborter.abort();
  await expect(request).rejects.toThrow();
  await vi.waitFor(() => expect(written).toHaveLength(1));
  expect(written[0]).toMatchObject({ endpoint: '/relay/slow', status: 499, keyId: 7 });
});

test('a successful read of the requests is counted and not written, whichever route it takes', async () => {
  await fetch(`${url}/relay/streams/requests`);
  await fetch(`${url}/relay/streams/calls`);
  await vi.waitFor(() => expect(written).toHaveLength(1));
  expect(counted).toHaveLength(1);
});

test('a method that is not known is not a name of its own', async () => {
  await fetch(`${url}/relay/slow`, { method: 'PROPFIND' });
  await vi.waitFor(() => expect(written).toHaveLength(1));
  expect(written[0]).toMatchObject({ method: 'OTHER', endpoint: '/relay/slow', status: 404 });
});
