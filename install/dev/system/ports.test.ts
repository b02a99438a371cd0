import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { findFreePort, highestPort, LOWEST_PORT, probePort } from './ports.ts';

test('a port that somebody listens on is in use', async () => {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  expect(await probePort(port)).toBe('in use');

  await new Promise(resolve => server.close(resolve));
  expect(await probePort(port)).toBe('free');
});

test('a picked port is free and lies below the range that outgoing connections take theirs from', async () => {
  const port = await findFreePort();

  expect(await probePort(port)).toBe('free');
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(32_768);
});

test('a port is picked once, although nobody listens on it yet', async () => {
  const first = await findFreePort(() => 0.5);
  const draws = [0.5, 0.25];
  expect(await findFreePort(() => draws.shift() ?? Math.random())).not.toBe(first);
});

test('a picked port skips one that is in use', async () => {
  const taken = await anyFreePort();
  const server = createServer();
  await new Promise<void>(resolve => server.listen(taken, '127.0.0.1', resolve));
  const draws = [(taken - LOWEST_PORT + 0.5) / (highestPort() - LOWEST_PORT)];

  const port = await findFreePort(() => draws.shift() ?? Math.random());

  expect(draws).toEqual([]);
  expect(port).not.toBe(taken);
  await new Promise(resolve => server.close(resolve));
});

/** One that is promised to nobody, so that only the server on it keeps it. */
async function anyFreePort(): Promise<number> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (highestPort() - LOWEST_PORT));
    if ((await probePort(port)) === 'free') return port;
  }
}
