import { setTimeout as sleep } from 'node:timers/promises';
import { type EpochStart, parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { recallLog } from '@3cx-relay/shared/log/recall.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient, isEntry, type RelayClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay;
let log: LogFiller;

beforeEach(async () => {
  relay = await startTestRelay();
  log = createLogFiller(relay);
});

afterEach(async () => {
  await log.stop();
  await relay.stop();
});

it('a log that begins again with smaller numbers is found while other channels never are silent', async () => {
  await log.fill(100);
  const client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
  await client.waitForMessage('caught_up');
  const last = client.position();
  let isBusy = true;
  const busy = (async () => {
    while (isBusy) {
      const at = Date.now();
      await log.append([{ type: 'health', at, body: `{"at":"${new Date(at).toISOString()}","data":{}}` }], 'health');
      await sleep(20);
    }
  })();
  await log.redis.del(log.keys.log('calls'), log.keys.meta('calls'), log.keys.writer('calls', 'filler'));
  const forgetful = createLogFiller(relay);
  await forgetful.fill(3);
  await waitFor(() => client.entries().length === 103, { what: 'the new log', timeoutMs: 8_000 });
  const fresh = client.messages.slice(client.messages.findIndex(({ type }) => type === 'gap'));
  expect(fresh[0]).toMatchObject({ reason: 'log_reset', after: last, before: fresh.find(isEntry)?.id, lost: null });
  isBusy = false;
  await busy;
  await client.close();
  await forgetful.stop();
});

it('of epochs whose numbers began again only the later ones are told to a log that forgot them', async () => {
  const { redis, keys } = log;
  const persisted = {
    epochs: [
      { epoch: 'aaaaaaaa', first: 1 },
      { epoch: 'bbbbbbbb', first: 30 },
      { epoch: 'cccccccc', first: 1 },
      { epoch: 'dddddddd', first: 9 },
    ],
    seq: 12,
  };
  expect(await recallLog({ redis, keys, channel: 'calls' }, persisted)).toBe(true);
  expect(await redis.hgetall(keys.meta('calls'))).toMatchObject({ seq: '12', epochs: 'cccccccc:1,dddddddd:9' });
});

it('what is known of a log may be told again before anybody writes: clients notice nothing', async () => {
  await log.fill(20);
  const client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
  await client.waitForMessage('caught_up');
  const meta = await log.redis.hgetall(log.keys.meta('calls'));
  await log.redis.del(log.keys.meta('calls'));
  // Longer than the tail stays silent before it looks.
  await sleep(1_500);
  const page = await fetch(`${relay.url}/relay/events?limit=1000`, { headers: { 'x-api-key': relay.apiKey } });
  expect(((await page.json()) as { events: unknown[] }).events).toHaveLength(20);
  await log.redis.hset(log.keys.meta('calls'), meta);
  await log.fill(1);
  await waitFor(() => client.entries().length === 21, { what: 'the next entry' });
  expect(client.messages.filter(({ type }) => type === 'gap')).toEqual([]);
  await client.close();
});

it('a log whose writer knew less than its readers begins again behind them: they are told, and get all of it', async () => {
  await log.fill(20);
  const client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
  await client.waitForMessage('caught_up');
  const { redis, keys } = log;
  const [epoch = ''] = ((await redis.hget(keys.meta('calls'), 'epochs')) ?? '').split(':');
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'filler'));
  // PostgreSQL had half of it, and a new writer has nothing.
  await recallLog({ redis, keys, channel: 'calls' }, { epochs: [{ epoch, first: 1 }], seq: 10 });
  const forgetful = createLogFiller(relay);
  await forgetful.fill(15);
  const isWhole = () =>
    client
      .entries()
      .slice(20)
      .filter(({ id }) => !id?.startsWith(epoch)).length >= 16;
  await waitFor(isWhole, { what: 'the new epoch', timeoutMs: 8_000 });
  const position = (id: unknown) => String(id).split('_')[1];
  const fresh = client.entries().filter(({ id }) => !id?.startsWith(epoch));
  expect(fresh.map(({ id }) => Number(position(id)))).toEqual(Array.from({ length: 16 }, (_, i) => 11 + i));
  const told = client.messages.find(({ type, id }) => type === 'gap' && id === undefined);
  // Until the tail has looked, what the new log has under higher numbers may come as of the old one.
  expect(told).toMatchObject({ reason: 'log_reset', before: fresh[0]?.id });
  expect(String(told?.after) >= `${epoch}_${'20'.padStart(16, '0')}`).toBe(true);
  await client.close();
  await forgetful.stop();
});

describe('a log that came back from before an epoch that was read', () => {
  /** Five entries, and an epoch of five; what came back has three of the first. */
  async function comeBack(): Promise<{ client: RelayClient; newest: EpochStart[] }> {
    const { redis, keys } = log;
    await log.fill(5);
    const older = (await redis.hget(keys.meta('calls'), 'epochs')) ?? '';
    await redis.del(keys.log('calls'));
    await log.fill(4);
    const newest = parseEpochs(await redis.hget(keys.meta('calls'), 'epochs'));
    const client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
    await client.waitForMessage('caught_up');
    const entry = ['t', 'call_event', 'at', '1', 'b', '{"at":""}'];
    const back = redis.multi().del(keys.log('calls'), keys.writer('calls', 'filler'));
    for (const seq of [1, 2, 3]) back.xadd(keys.log('calls'), `${seq}-0`, ...entry);
    await back.hset(keys.meta('calls'), { seq: 3, epochs: older }).exec();
    client.messages.length = 0;
    return { client, newest };
  }

  it('is waited for: told by PostgreSQL it goes on behind that epoch, and nobody gets anything again', async () => {
    const { client, newest } = await comeBack();
    // Longer than the tail stays silent before it looks.
    await sleep(1_500);
    expect(client.messages).toEqual([]);
    const { redis, keys } = log;
    expect(await recallLog({ redis, keys, channel: 'calls' }, { epochs: newest, seq: 10 })).toBe(true);
    const next = createLogFiller({ ...relay, writerId: 'next' });
    await next.fill(2);
    await waitFor(() => client.entries().length >= 3, { what: 'what comes next' });
    expect(client.entries().map(({ id }) => Number(String(id).split('_')[1]))).toEqual([11, 12, 13]);
    expect(client.entries()[0]).toMatchObject({ type: 'gap', reason: 'log_rolled_back', lost: 7 });
    await client.close();
    await next.stop();
  });

  it('and goes on there is told, with all that was written since', async () => {
    const { client } = await comeBack();
    await sleep(1_500);
    const forgetful = createLogFiller({ ...relay, writerId: 'forgetful' });
    await forgetful.fill(3);
    await waitFor(() => client.entries().length >= 6, { what: 'the epoch that goes on' });
    expect(client.messages[0]).toMatchObject({ type: 'gap', reason: 'log_reset', lost: null });
    expect(client.entries().map(({ id }) => Number(String(id).split('_')[1]))).toEqual([1, 2, 3, 4, 5, 6]);
    await client.close();
    await forgetful.stop();
  });
});
