import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { fillTiers } from './scale/fill-tiers.ts';

/** After a quiet day nothing is left in Redis: a position still leads to everything, and nothing is called lost. */
const HEAD = 40;
let store: TestRelay;
let relay: TestRelay;
let epoch: string;

beforeAll(async () => {
  store = await startTestRelay();
  epoch = await fillTiers(store, { persisted: HEAD, hotFrom: HEAD + 1, head: HEAD }, 10);
  // What a relay has read itself it still has: this one begins behind it.
  const { redisUrl, pbxId, databaseUrl } = store;
  relay = await startTestRelay({ REDIS_URL: redisUrl, PBX_ID: pbxId, DATABASE_URL: databaseUrl });
});

afterAll(async () => {
  await relay?.stop();
  await store?.stop();
});

const at = (seq: number, of = epoch) => `${of}_${String(seq).padStart(16, '0')}`;

async function told(after: string): Promise<object[]> {
  const response = await fetch(`${relay.url}/relay/events?after=${after}`, {
    headers: { authorization: `Bearer ${store.apiKey}` },
  });
  const { events } = (await response.json()) as { events: { type: string; id?: string; reason?: string }[] };
  return events.map(({ type, id, reason }) => (type === 'gap' ? { reason } : { id }));
}

const entries = (first: number) => Array.from({ length: HEAD - first + 1 }, (_, i) => ({ id: at(first + i) }));

it('a position whose entries are all in PostgreSQL is answered with them, without a gap', async () => {
  expect(await told(at(5))).toEqual(entries(6));
  expect(await told(at(HEAD))).toEqual([]);
});

it('a position of an epoch that is forgotten is answered with a gap and everything that PostgreSQL has', async () => {
  expect(await told(at(5, '00000000'))).toEqual([{ reason: 'log_reset' }, ...entries(1)]);
});
