import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { findFreePort, probePort } from './ports.ts';

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

test('a picked port skips one that is in use', async () => {
  const taken = await findFreePort(() => 0.5);
  const server = createServer();
  await new Promise<void>(resolve => server.listen(taken, '127.0.0.1', resolve));
  const draws = [0.5, 0.25];

  const port = await findFreePort(() => draws.shift() ?? 0.75);

  expect(port).not.toBe(taken);
  await new Promise(resolve => server.close(resolve));
});
