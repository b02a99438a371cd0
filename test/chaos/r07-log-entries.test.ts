import { randomInt } from 'node:crypto';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEarlierRun } from '../../services/ingest/earlier-run.ts';
import { connectClient, isEntry, type WireMessage } from '../harness/relay-client.ts';
import { openSse } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createHistoryStand, type HistoryStand } from '../integration/fixtures/history-stand.ts';
import { extent } from './extent.ts';
import { report } from './row.ts';

/**
 * R7. Entries that this version did not write: fields that an older one did not have yet or a newer one adds, in another
 * order, with values nobody foresaw. Must hold: whoever reads the log goes on, in order, and what leaves the relay is JSON.
 */
const count = Math.min(Number(process.env.FUZZ_CASES ?? extent({ quick: 400, full: 20_000 })), 20_000);
const seed = Number(process.env.FUZZ_SEED ?? extent({ quick: 1, full: randomInt(2 ** 30) }));
const CALL = '0mbvq000-000007';

let stand: HistoryStand;
/** Of extension 101 alone. */
let scoped: string;
let head = 0;

/** Past the script that numbers entries, as another version's script might do it. */
async function writeRaw(channel: Channel, rows: readonly (readonly (string | Buffer)[])[]): Promise<void> {
  const { redis, keys } = stand.filler;
  const write = redis.multi();
  for (const fields of rows) {
    head += 1;
    write.xadd(keys.log(channel), `${head}-0`, ...(fields.length > 0 ? fields : ['v', '9']));
    write.hset(keys.meta(channel), 'seq', head);
  }
  for (const [error] of (await write.exec()) ?? []) if (error) throw error;
}

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom('', 'null', '[]', '{}', '{ }', '{"at":1', '"x"', 'a\nb', '\u2028', '__proto__', '9'.repeat(30)),
);
const call = fc.record(
  {
    callId: fc.oneof(fc.constant(CALL), text),
    legs: fc.oneof(fc.constant(null), fc.array(fc.oneof(fc.constant(null), fc.record({ dn: text })), { maxLength: 2 })),
    caller: fc.oneof(fc.constant(null), fc.record({ dn: fc.oneof(text, fc.constant(null)) }), text),
    state: fc.oneof(fc.constant('ended'), text, fc.integer()),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  { weight: 5, arbitrary: fc.json({ maxDepth: 2 }) },
  {
    weight: 5,
    arbitrary: fc
      .record(
        { at: fc.constant('2026-03-02T09:00:00Z'), call, data: fc.jsonValue({ maxDepth: 1 }), newField: text },
        { requiredKeys: [] },
      )
      .map(value => JSON.stringify(value)),
  },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 1 }).map(value => JSON.stringify({ at: 1, value }, null, 2)) },
  { weight: 3, arbitrary: text },
);
const likely: Readonly<Record<string, fc.Arbitrary<string>>> = {
  t: fc.oneof(fc.constantFrom('call_event', 'call_event2', 'gap', 'health', 'a"b', 'a\nb'), text),
  at: fc.oneof(fc.constantFrom('1772442000000', '-1', '1e400', 'NaN', '1772442000000.5', '9'.repeat(25)), text),
  b: body,
  dn: fc.oneof(fc.constantFrom('101', '101,102', ',,', ' 101'), text),
  call: fc.oneof(fc.constant(CALL), text),
  ev: fc.oneof(fc.constantFrom('call.started', 'call.newer,call.started'), text),
  tp: text,
  v: text,
};
const entry = fc
  .subarray(Object.keys(likely), { minLength: 0 })
  .chain(names => fc.shuffledSubarray(names, { minLength: names.length, maxLength: names.length }))
  .chain(names => fc.tuple(...names.map(name => (likely[name] ?? text).map(value => [name, value] as const))))
  .map(pairs => pairs.flat());
/** Bytes that are no UTF-8. */
const broken = fc.uint8Array({ maxLength: 20 }).map(bytes => ['t', 'call_event', 'at', '1', 'b', Buffer.from(bytes)]);

beforeAll(async () => {
  stand = await createHistoryStand();
  scoped = (await stand.relay.createKey({ dns: ['101'] })).apiKey;
  await stand.filler.fill(1);
  head = 1;
});

afterAll(() => stand?.stop());

const numberOf = ({ id }: WireMessage) => Number(String(id).split('_')[1]);

async function pagesOf(apiKey: string): Promise<WireMessage[]> {
  const messages: WireMessage[] = [];
  for (let after = 'start'; ; ) {
    const response = await stand.get(`/relay/events?after=${after}&limit=500`, apiKey);
    expect(response.status).toBe(200);
    const page = (await response.json()) as { events: WireMessage[]; next: string; more: boolean };
    messages.push(...page.events);
    if (!page.more) return messages;
    after = page.next;
  }
}

test('every reader goes on over entries of another version, in order, and sends JSON', async () => {
  const since = performance.now();
  const live = await connectClient(stand.relay.url, stand.relay.apiKey, { after: 'start' });
  await live.waitForMessage('caught_up');
  const rows = fc.sample(fc.oneof({ weight: 15, arbitrary: entry }, { weight: 1, arbitrary: broken }), {
    ...{ numRuns: count, seed },
  });
  await writeRaw('calls', rows);
  await stand.filler.redis.hset(stand.filler.keys.meta('calls'), 'seq', head);
  await writeRaw('calls', [
    ['t', 'call_event', 'at', '1772442000000', 'b', '{"at":"2026-03-02T09:00:00Z"}', 'dn', '101'],
  ]);
  const all = Array.from({ length: head }, (_, index) => index + 1);

  const pages = await pagesOf(stand.relay.apiKey);
  expect(pages.map(numberOf)).toEqual(all);
  const late = await connectClient(stand.relay.url, stand.relay.apiKey, { after: 'start' });
  // Caught up with what this instance has read so far; the rest comes live.
  const isWhole = (messages: readonly WireMessage[]) =>
    messages.some(message => message.id && numberOf(message) === head && isEntry(message));
  await waitFor(() => isWhole(late.messages), { what: 'the last entry on the socket', timeoutMs: 20_000 });
  expect(late.messages.filter(({ id, type }) => id && type !== 'caught_up' && type !== 'position')).toEqual(pages);
  const stream = await openSse(`${stand.relay.url}/relay/events/stream?after=start`, {
    'x-api-key': stand.relay.apiKey,
  });
  await waitFor(() => isWhole(stream.events.map(({ message }) => message as WireMessage)), {
    what: 'the last entry in the stream',
    timeoutMs: 20_000,
  });
  const streamed = stream.events.map(({ message }) => message as WireMessage);
  expect(streamed.filter(({ id, type }) => id && type !== 'caught_up' && type !== 'position')).toEqual(pages);
  stream.close();
  const seen = () => live.messages.filter(message => isEntry(message) || message.id).map(numberOf);
  await expect.poll(() => seen().at(-1), { timeout: 10_000 }).toBe(head);
  await Promise.all([live.close(), late.close()]);

  const own = await pagesOf(scoped);
  const isOwn = ([...fields]: readonly (string | Buffer)[]) => {
    const dn = fields[fields.findIndex((name, index) => index % 2 === 0 && name === 'dn') + 1];
    return fields.includes('dn') && String(dn).split(',').includes('101');
  };
  const foreign = rows.flatMap((row, index) => (isOwn(row) || row.includes('gap') ? [] : [index + 2]));
  expect(own.map(numberOf).filter(number => foreign.includes(number))).toEqual([]);

  await report({
    ...{ fault: 'R7 log entries', load: `${count} entries`, seconds: Math.round((performance.now() - since) / 1_000) },
    ...{ sent: head, logged: head, delivered: pages.length + streamed.length + seen().length },
    ...{ duplicated: 0, missing: 0, gaps: 0, healMs: null },
  });

  for (const path of [`/relay/calls/${CALL}`, '/relay/streams/calls?offset=-1', '/relay/active-calls']) {
    const { status } = await stand.get(path);
    expect([path, status < 500]).toEqual([path, true]);
  }
});

test('and so do ingest, which starts with them, and the worker, which copies them', async () => {
  const { redis, keys } = stand.filler;
  const warnings: unknown[] = [];
  const logger = { warn: (...told: unknown[]) => warnings.push(told) } as never;
  const earlier = await readEarlierRun({ redis, keys }, { logger }, { lookBackMs: 90_000, maxEntries: 20_000 });
  expect(warnings).toEqual([]);
  expect(earlier.snapshot.seq).toBe(head);
  await stand.persist();
  const { rows } = await stand.pool.query("SELECT count(*)::int AS events FROM events WHERE channel = 'calls'");
  expect(rows).toEqual([{ events: head }]);
  const found = await stand.get('/relay/history/events?channel=calls&limit=1000');
  expect(found.status).toBe(200);
  await found.json();
});

test('calls of the projection in a shape that is not ours are nobody’s who is restricted, and cost nobody the others', async () => {
  const { redis, keys } = stand.filler;
  const ours = { callId: 'ours', legs: [{ dn: '101' }], state: 'ringing' };
  const strange = ['', 'null', '"101"', '[]', '{"callId":', '{"legs":null,"caller":null}', '{"legs":[null]}', '7'];
  const old = { callId: 'old', legs: [{ dn: '101' }], formerLegs: null, caller: null, callee: 'x', via: '101' };
  await redis.hset(keys.calls, { ours: JSON.stringify(ours), old: JSON.stringify(old) });
  await redis.hset(keys.calls, Object.fromEntries(strange.map((value, index) => [`strange-${index}`, value])));
  for (const key of [scoped, stand.relay.apiKey]) {
    const { calls } = (await (await stand.get('/relay/active-calls', key)).json()) as { calls: { callId?: string }[] };
    expect(calls).toEqual(expect.arrayContaining([ours, old]));
    if (key === scoped) expect(calls).toHaveLength(2);
    const client = await connectClient(stand.relay.url, key, { snapshot: '1' });
    expect((await client.waitForMessage('snapshot')).calls).toEqual(calls);
    await client.close();
  }
  await redis.del(keys.calls);
});
