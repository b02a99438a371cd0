import { afterEach, expect, it } from 'vitest';
import { type RelayProcess, startRelayProcess } from '../../harness/relay-process.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createCountingClient } from './counting-client.ts';
import { appendTo, fillTiers } from './fill-tiers.ts';

/**
 * REPLAY_EVENTS: how long the log is; a million takes a minute or two. Three fifths are in PostgreSQL alone, one in both
 * stores, one in Redis alone, and the last come while it is read.
 */
const total = Number(process.env.REPLAY_EVENTS ?? 40_000);
const PAD_BYTES = 300;
const LIVE = 500;
/** Pages kept for others are 32 MB by default, twice that with what describes them; a million events are 409 MB. */
const MAX_GROWTH_BYTES = 150 * 1024 ** 2;
/** Without it V8 lets garbage grow into the hundreds of megabytes before it looks, and what is kept cannot be told from it. */
const SMALL_HEAP = '--max-old-space-size=96 --max-semi-space-size=4';

let relay: RelayProcess | undefined;

afterEach(async () => {
  await relay?.stop();
  relay = undefined;
});

it('a client that comes back after a year gets everything from PostgreSQL, Redis and live, in order, and costs no memory', {
  timeout: 120_000 + total / 4,
}, async () => {
  const log = { persisted: Math.floor(total * 0.8), hotFrom: Math.floor(total * 0.6) + 1, head: total };
  const running = await startRelayProcess({
    prepare: target => fillTiers(target, log, PAD_BYTES),
    settings: { NODE_OPTIONS: SMALL_HEAP },
  });
  relay = running;
  const before = await running.residentBytes();
  let highest = before;
  const watching = setInterval(() => {
    running.residentBytes().then(
      bytes => {
        highest = Math.max(highest, bytes);
      },
      () => undefined,
    );
  }, 50);
  const startedAt = performance.now();
  const client = createCountingClient(running, { after: 'start' });
  const get = async (count: number) => {
    await waitFor(() => client.received >= count, {
      what: `${count} entries`,
      timeoutMs: 60_000 + total / 4,
      everyMs: 5,
    });
    return performance.now() - startedAt;
  };
  const coldMs = await get(log.hotFrom - 1);
  const hotMs = (await get(total)) - coldMs;
  await waitFor(() => client.isCaughtUp(), { what: 'the client to be live' });
  await appendTo(running, LIVE);
  await get(total + LIVE);
  clearInterval(watching);
  client.cut();

  expect(client.breaks).toEqual([]);
  expect(client.received).toBe(total + LIVE);
  const rate = (count: number, ms: number) => `${Math.round(count / ms)} k/s`;
  const megabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`;
  console.info(
    `replayed ${megabytes(client.bytes)}: from PostgreSQL ${rate(log.hotFrom - 1, coldMs)}, from Redis ${rate(total - log.hotFrom + 1, hotMs)};`,
    `the relay grew from ${megabytes(before)} to ${megabytes(highest)}`,
  );
  expect(highest - before).toBeLessThan(MAX_GROWTH_BYTES);
});
