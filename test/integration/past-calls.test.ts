import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectCallStatistics, selectCalls } from '@3cx-relay/shared/store/call-history.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { fillPastCalls } from '../../services/worker/persist/fill-past-calls.ts';
import { fillCalls } from '../../services/worker/persist/tables/fill-calls.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';

/** Calls of entries that were copied by a release that knew no table of calls. */
const logger = createLogger({ name: 'test', level: 'silent' });
const MIGRATIONS = new URL('../../shared/store/migrations/', import.meta.url);
/** The last one before calls. */
const BEFORE = 7;
const EPOCH = 'm5k2h7qa';
const DAY_MS = 86_400_000;
let admin: PostgresPool;
let store: PostgresPool;
let name: string;
let url: string;

beforeEach(async () => {
  admin = createPool({ databaseUrl: inject('databaseUrl'), name: 'test admin', max: 1, logger });
  name = `test_${randomBytes(6).toString('hex')}`;
  await admin.pool.query(`CREATE DATABASE ${name}`);
  const target = new URL(inject('databaseUrl'));
  target.pathname = `/${name}`;
  url = target.href;
  store = createPool({ databaseUrl: url, name: 'test', max: 6, logger });
});

afterEach(async () => {
  await store.stop();
  await admin.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.stop();
});

const stepsOf = (n: number) => [
  { state: 'ringing', disposition: null, answeredAt: null, endedAt: null },
  { state: 'connected', disposition: null, answeredAt: isoAt(n, 4_000), endedAt: null },
  { state: 'ended', disposition: null, answeredAt: isoAt(n, 4_000), endedAt: isoAt(n, 60_000) },
  { state: 'ended', disposition: 'answered', answeredAt: isoAt(n, 4_000), endedAt: isoAt(n, 60_000) },
];
const STEPS = 4;
const CALLS = 300;
const OLD_ENTRIES = CALLS * STEPS - 200;
const firstMs = Date.now() - 80 * DAY_MS;
const sightOf = (n: number) => firstMs + n * 6 * 3_600_000;
const isoAt = (n: number, offset: number) => new Date(sightOf(n) + offset).toISOString();
const idOf = (n: number) => `${sightOf(n).toString(36).padStart(8, '0')}-${n}`;

/** Entry `seq`: all calls side by side, one step of each after the other. */
function bodyOf(seq: number): { callId: string; at: string; body: string } {
  const n = (seq - 1) % CALLS;
  const step = stepsOf(n)[Math.floor((seq - 1) / CALLS)];
  const callId = idOf(n);
  const dn = String(100 + (n % 5));
  const call = { callId, direction: 'inbound', ringingAt: isoAt(n, 1_000), callee: { number: dn, name: null, dn } };
  return { callId, at: isoAt(n, 0), body: JSON.stringify({ at: isoAt(n, 0), call: { ...call, ...step } }) };
}

/** The tables as the release before left them, with the book that the migrations keep of themselves. */
async function fillOldDatabase(): Promise<void> {
  const files = readdirSync(MIGRATIONS).filter(file => Number.parseInt(file, 10) <= BEFORE);
  await store.pool.query('CREATE TABLE schema_migrations (id serial PRIMARY KEY, name varchar(255), run_on timestamp)');
  for (const file of files.sort()) {
    await store.pool.query(readFileSync(new URL(file, MIGRATIONS), 'utf8'));
    const migration = file.replace(/\.sql$/, '');
    await store.pool.query('INSERT INTO schema_migrations (name, run_on) VALUES ($1, now())', [migration]);
  }
  const rows = Array.from({ length: OLD_ENTRIES }, (_, i) => ({ seq: i + 1, ...bodyOf(i + 1) }));
  const odd = ['{"unstorable":"nonsense"}', '[]', 'null', '{"call":"no"}', '{"call":{"callId":"call-1"}}'];
  rows.splice(5, odd.length, ...odd.map((body, i) => ({ seq: i + 6, callId: 'odd', at: isoAt(0, 0), body })));
  await store.pool.query(
    `INSERT INTO events (channel, epoch, seq, at, type, call_id, body)
    SELECT 'calls', $1, seq, at, 'call_event', "callId", body::json
    FROM json_to_recordset($2) AS entry (seq bigint, at timestamptz, "callId" text, body text)`,
    [EPOCH, JSON.stringify(rows)],
  );
  await store.pool.query("UPDATE log_positions SET epoch = $1, seq = $2 WHERE channel = 'calls'", [EPOCH, OLD_ENTRIES]);
}

const depsOf = () => ({ pool: store.pool, logger, months: createMonths({ pool: store.pool, logger }, sameDays(400)) });
const never = new AbortController().signal;

/** As the persister does with entries that come after the migration. */
async function fillNewEntries(from: number, to: number): Promise<void> {
  const entries = Array.from({ length: to - from + 1 }, (_, i) => {
    const { callId: call, body } = bodyOf(from + i);
    const nothing = { channel: 'calls', dn: null, event: null } as const;
    return { ...nothing, epoch: EPOCH, seq: from + i, at: Date.now(), type: 'call_event', call, body };
  });
  const onUnstorable = (_: unknown, error: unknown) => expect.fail(String(error));
  await inTransaction(store.pool, client => fillCalls({ client, months: depsOf().months, onUnstorable }, entries));
}

async function expectAllCalls(): Promise<void> {
  const range = { after: null, before: null, newestFirst: false, limit: 1_000 };
  const { calls, next } = await selectCalls(store.pool, {}, range);
  expect(next).toBeNull();
  expect(calls.map(({ callId }) => callId)).toEqual(Array.from({ length: CALLS }, (_, n) => idOf(n)));
  expect(new Set(calls.map(({ disposition, ringMs, talkMs }) => `${disposition} ${ringMs} ${talkMs}`))).toEqual(
    new Set(['answered 3000 56000']),
  );
  const year = { from: new Date(firstMs - DAY_MS), to: new Date(), by: 'month', timeZone: 'UTC' } as const;
  const months = await selectCallStatistics(store.pool, { ...year, of: 'all' });
  expect(months.reduce((sum, { answered }) => sum + answered, 0)).toBe(CALLS);
  expect(months.reduce((sum, { calls: each }) => sum + each, 0)).toBe(CALLS);
  expect(months.reduce((sum, { talk }) => sum + talk.sumMs, 0)).toBe(CALLS * 56_000);
}

test('entries that an earlier release copied become calls, step by step beside those that are new', async () => {
  await fillOldDatabase();
  await migrate({ databaseUrl: url });
  // Newer than all that follows: it must not be undone. And one that the persister writes at the same moment.
  await fillNewEntries(OLD_ENTRIES + 1, CALLS * STEPS - 50);
  const [first] = await Promise.all([
    fillPastCalls(depsOf(), never, { stepEntries: 70, maxMs: 1 }),
    fillNewEntries(CALLS * STEPS - 49, CALLS * STEPS),
  ]);
  expect(first.entries).toBe(70);
  await store.pool.query(`
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$;
    CREATE TRIGGER die BEFORE UPDATE ON past_calls FOR EACH ROW EXECUTE FUNCTION die();`);
  await expect(fillPastCalls(depsOf(), never)).rejects.toThrow('killed');
  await store.pool.query('DROP TRIGGER die ON past_calls');
  const [one, other] = await Promise.all([
    fillPastCalls(depsOf(), never, { stepEntries: 70 }),
    fillPastCalls(depsOf(), never, { stepEntries: 70 }),
  ]);
  const { entries } = await fillPastCalls(depsOf(), never);
  expect(first.entries + one.entries + other.entries + entries).toBe(OLD_ENTRIES);
  await expectAllCalls();
  expect(await fillPastCalls(depsOf(), never)).toEqual({ entries: 0 });
  expect((await store.pool.query('SELECT FROM past_calls')).rowCount).toBe(0);
});

test('a database that never had entries has nothing to make up for', async () => {
  await migrate({ databaseUrl: url });
  expect((await store.pool.query('SELECT FROM past_calls')).rowCount).toBe(0);
  expect(await fillPastCalls(depsOf(), never)).toEqual({ entries: 0 });
});
