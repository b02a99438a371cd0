import { verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { insertDeadLetters } from '@3cx-relay/shared/store/dead-letters.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eraseNumber } from '../../services/worker/erasure/erase-number.ts';
import { openErasure } from '../../services/worker/erasure/open-erasure.ts';
import { createHistoryStand, endedCall, endOf, type HistoryStand } from './fixtures/history-stand.ts';

/** A caller asks to be forgotten. Nothing else has these digits, and nobody else this name. */
const DIGITS = '49307654321987';
const NUMBER = `+49 30 7654321987`;
const NAME = 'Zaphod Beeblebrox';
const FIRST_AT = Date.now() - 40 * 86_400_000;
const actor = { kind: 'api_key', id: '7', name: 'CRM' } as const;
const calls = Array.from({ length: 2_500 }, (_, i) => {
  const call = endedCall(i + 1, FIRST_AT + i * 60_000);
  return i % 500 === 3 ? { ...call, caller: { number: NUMBER, name: NAME, dn: null } } : call;
});

let stand: HistoryStand;

beforeAll(async () => {
  stand = await createHistoryStand();
  for (let from = 0; from < calls.length; from += 500)
    await stand.filler.append(calls.slice(from, from + 500).map(endOf));
  const at = Date.now();
  const data = { component: 'xapi', severity: 'error', message: `call to ${NUMBER} failed`, details: { to: DIGITS } };
  const error: NewEntry = { type: 'error_event', at, body: JSON.stringify({ at: new Date(at).toISOString(), data }) };
  await stand.filler.append([error], 'errors');
  const target = `101:${NUMBER}`;
  stand.audit.write({
    action: 'call.make',
    actor,
    address: null,
    target,
    outcome: 'done',
    details: { name: NAME, to: NUMBER },
  });
  stand.audit.write({
    action: 'api_key.revoke',
    actor,
    address: null,
    target: 'api_key:4',
    outcome: 'done',
    details: {},
  });
  await stand.audit.stop(2_000);
  await stand.persist();
  const [refused] = await rowsOf<{ epoch: string; seq: string }>(
    "SELECT epoch, seq FROM events WHERE channel = 'calls' LIMIT 1",
  );
  const client = await stand.pool.connect();
  const entry = { channel: 'calls', type: 'call_event', at, event: null, dn: null, call: null } as const;
  const body = JSON.stringify({ call: { caller: { number: NUMBER, name: NAME } } });
  await insertDeadLetters(client, [
    {
      entry: { ...entry, epoch: refused?.epoch ?? '', seq: Number(refused?.seq), body },
      target: 'events',
      error: new Error('x'),
    },
  ]);
  client.release();
});

afterAll(() => stand?.stop());

async function rowsOf<Row>(statement: string, values: unknown[] = []): Promise<Row[]> {
  return (await stand.pool.query(statement, values)).rows as Row[];
}

/** Tables in which the number or the name still stands, in any column. */
async function tablesThatKnow(): Promise<string[]> {
  const tables = await rowsOf<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
  );
  const knowing: string[] = [];
  for (const { name } of tables) {
    const text = name === 'dead_letters' ? "convert_from(body, 'UTF8')" : `${name}::text`;
    const [found] = await rowsOf<{ rows: number }>(
      `SELECT count(*)::int AS rows FROM ${name}
       WHERE position($1 IN regexp_replace(${text}, '\\D', '', 'g')) > 0 OR position($2 IN ${text}) > 0`,
      [DIGITS, NAME],
    );
    if (found && found.rows > 0) knowing.push(name);
  }
  return knowing;
}

async function logKnows(): Promise<boolean> {
  const { redis, keys } = stand.filler;
  const logs = await Promise.all(
    (['calls', 'errors', 'audit'] as const).map(name => redis.xrange(keys.log(name), '-', '+')),
  );
  const texts = logs.flat().flatMap(([, fields]) => fields);
  return texts.some(text => text.replace(/\D/g, '').includes(DIGITS) || text.includes(NAME));
}

const verify = () => verifyAudit(stand.pool, { anchorFile: '/nowhere/anchors', keptFrom: 0 });

test('a forgotten number stands nowhere any more, its calls are still told apart and counted, and the audit proves itself', async () => {
  const sums = await rowsOf('SELECT * FROM call_sums ORDER BY call_sums::text');
  expect((await tablesThatKnow()).length).toBeGreaterThan(5);
  expect(await logKnows()).toBe(true);
  const by = { kind: 'system', id: 'command line', name: 'command line' } as const;
  const { pool, filler } = stand;
  const deps = openErasure({ redis: filler.redis, keys: filler.keys, pool, by }, AbortSignal.timeout(30_000));

  const erased = await eraseNumber({ ...deps, persistAll: () => stand.persist() }, '0049307654321987');

  expect(erased).toMatchObject({ calls: 5, auditEntries: 1 });
  expect(await tablesThatKnow()).toEqual([]);
  expect(await logKnows()).toBe(false);
  const [told] = await rowsOf<{ calls: number }>(
    'SELECT count(*)::int AS calls FROM calls WHERE caller_number = $1 AND caller_name = $1',
    [erased.alias],
  );
  expect(told?.calls).toBe(5);
  expect(await rowsOf('SELECT * FROM call_sums ORDER BY call_sums::text')).toEqual(sums);
  expect(await verify()).toMatchObject({ isIntact: true, redacted: 1, broken: null });
  const by10 = (await (await stand.get('/relay/history/calls?number=%2B49301000010')).json()) as {
    calls: { caller: object }[];
  };
  expect(by10.calls[0]?.caller).toEqual(calls[9]?.caller);
});

test('events of the number are read as before, with the alias in its place', async () => {
  const [erase] = await rowsOf<{ target: string }>(
    "SELECT target FROM audit_log WHERE action = 'history.erase' LIMIT 1",
  );
  const answer = await stand.get(`/relay/history/events?call=${calls[3]?.callId}`);
  const { events } = (await answer.json()) as {
    events: { call: { callId: string; caller: object; callee: object } }[];
  };
  expect(events[0]?.call).toEqual({ ...calls[3], caller: { number: erase?.target, name: erase?.target, dn: null } });
});

test('an erasure is audited when it begins and when it ends, and nothing leads back', async () => {
  const entries = await rowsOf(
    "SELECT outcome, details::json AS details FROM audit_log WHERE action = 'history.erase' ORDER BY seq",
  );
  expect(entries).toMatchObject([
    { outcome: 'begun', details: {} },
    { outcome: 'done', details: { calls: 5, auditEntries: 1 } },
  ]);
});

test.each(['', '101', '+49 30', 'anonymous', '12345; DROP'])('%j is no number to be forgotten', async number => {
  const deps = openErasure(
    { redis: stand.filler.redis, keys: stand.filler.keys, pool: stand.pool, by: actor },
    AbortSignal.timeout(1_000),
  );
  await expect(eraseNumber(deps, number)).rejects.toMatchObject({ code: 'NUMBER_INVALID' });
});
