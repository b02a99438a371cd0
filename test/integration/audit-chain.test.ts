import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readAnchors } from '@3cx-relay/shared/audit/anchor-file.ts';
import { contentDigest } from '@3cx-relay/shared/audit/audit-hash.ts';
import { type AuditReport, verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import {
  type AuditFilters,
  type AuditPage,
  redactAuditContent,
  redactionRecord,
  selectAuditChain,
  selectAuditEntries,
} from '@3cx-relay/shared/store/audit-log.ts';
import { sealAudit } from '@3cx-relay/shared/store/audit-seals.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { anchorAudit } from '../../services/worker/audit/anchor-audit.ts';
import { sealPastAudit } from '../../services/worker/audit/seal-audit.ts';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { fillAuditChain } from '../../services/worker/persist/tables/fill-audit-chain.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { CHANGES } from './fixtures/audit-tampering.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let store: PostgresPool;
let filler: LogFiller;
let folder: string;
let redisUrl: string;
let problems: string[][];
let writing: Promise<void>[];

beforeEach(async () => {
  database = await createTestDatabase();
  const redis = await createTestRedis();
  redisUrl = redis.url;
  problems = [];
  writing = [];
  filler = createLogFiller({ redisUrl: redis.url, pbxId: redis.pbxId });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 4, logger });
  folder = await mkdtemp(join(tmpdir(), 'relay-audit-'));
});

afterEach(async () => {
  await filler.stop();
  await store.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

const day = 24 * 3_600_000;
const newest = { after: null, before: null, newestFirst: true, limit: 100 };

function record(n: number, more: Partial<AuditRecord> = {}): AuditRecord {
  const actor = { kind: 'api_key', id: '7', name: 'CRM' } as const;
  return { action: 'call.make', actor, address: '10.0.0.1', target: '101', outcome: 'done', details: { n }, ...more };
}

async function write(...entries: Parameters<LogFiller['append']>[0]): Promise<void> {
  await filler.append(entries, 'audit');
  await drain();
}

async function writeMany(count: number): Promise<void> {
  await write(...Array.from({ length: count }, (_, i) => auditEntry(Date.now(), record(i + 1))));
}

async function drain(): Promise<void> {
  await Promise.all(writing);
  const deps = {
    redis: filler.redis,
    keys: filler.keys,
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
  };
  await drainChannel(deps, 'audit', AbortSignal.timeout(20_000));
}

function verify(): Promise<AuditReport> {
  return verifyAudit(store.pool, { anchorFile: anchorFile(), keptFrom: Date.now() - 400 * day });
}

function anchorFile(): string {
  return join(folder, 'anchors.jsonl');
}

function anchor(now = Date.now()) {
  const errors = { logError: (...problem: string[]) => void problems.push(problem.slice(0, 2)) };
  return anchorAudit({ pool: store.pool, logger, errors, now: () => now }, { file: anchorFile(), everyHours: 24 });
}

function seal(now: number) {
  const audit = { write: (what: AuditRecord) => void writing.push(filler.append([auditEntry(now, what)], 'audit')) };
  return sealPastAudit({ pool: store.pool, logger, audit, now: () => now }, 30);
}

/** As somebody does who may do anything in the database. */
async function tamper(...statements: string[]): Promise<void> {
  const triggers = (state: string) =>
    store.pool.query(`ALTER TABLE audit_log ${state} TRIGGER USER; ALTER TABLE audit_seals ${state} TRIGGER USER`);
  await triggers('DISABLE');
  for (const statement of statements) await store.pool.query(statement);
  await triggers('ENABLE');
}

test('every entry is in the chain once, in order, also what nobody can decode, and the chain proves itself', async () => {
  await writeMany(3);
  await write(
    { type: 'audit', at: Date.now(), event: 'strange', body: 'not JSON' },
    { type: 'audit', at: -5, body: '{"data":{"action":"nul \\u0000 inside"}}' },
    { type: 'audit', at: Date.now(), body: `{"data":${'['.repeat(50_000)}${']'.repeat(50_000)}}` },
    { type: 'gap', at: Date.now(), body: '{"lost":null}' },
    auditEntry(
      Date.now(),
      record(8, { details: { umlaut: 'ü\u0000', half: '\ud800', big: 1e21, minus: -0, nested: { b: 1, a: [] } } }),
    ),
  );
  const report = await verify();
  expect(report.broken).toBeNull();
  expect(report).toMatchObject({ isIntact: true, entries: 8, firstSeq: 1, lastSeq: 8, events: 8, redacted: 0 });
});

test('each change is found, and the first entry that is wrong is named', async () => {
  await writeMany(10);
  expect(await verify()).toMatchObject({ isIntact: true, entries: 10, events: 10 });
  const tables = ['audit_log', 'audit_seals', 'events'];
  for (const table of tables) await store.pool.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
  for (const [change, seq, what, statements] of CHANGES) {
    await tamper(...statements.split(';'));
    const { broken } = await verify();
    expect([change, broken?.seq, broken?.what]).toEqual([change, seq, what]);
    await tamper(...tables.flatMap(table => [`DELETE FROM ${table}`, `INSERT INTO ${table} TABLE kept_${table}`]));
  }
  expect(await verify()).toMatchObject({ isIntact: true, entries: 10, events: 10 });
});

test('an end that was cut off is found by the anchor, and so is a chain that was built anew', async () => {
  await writeMany(6);
  expect(await anchor()).toBe('anchored');
  await tamper('DELETE FROM audit_log WHERE seq > 4', "DELETE FROM events WHERE channel = 'audit' AND seq > 4");
  expect((await verify()).broken).toMatchObject({ seq: 5, what: 'anchor' });
  expect(await anchor()).toBe('disagrees');

  await tamper('DELETE FROM audit_log', "DELETE FROM events WHERE channel = 'audit'");
  await writeMany(8);
  expect((await verify()).broken).toMatchObject({ what: 'anchor' });
  expect(await anchor()).toBe('disagrees');
  expect(problems).toEqual([
    ['audit', 'critical'],
    ['audit', 'critical'],
  ]);
  expect((await readAnchors(anchorFile())).anchors).toHaveLength(1);
});

test('an anchor is made once a day, when there is something new, in a file that only its owner reads', async () => {
  const t0 = Date.now();
  expect(await anchor(t0)).toBe('nothing new');
  await writeMany(2);
  expect(await anchor(t0)).toBe('anchored');
  await writeMany(1);
  expect(await anchor(t0 + day - 1)).toBe('too soon');
  expect(await anchor(t0 + day)).toBe('anchored');
  expect(await anchor(t0 + 3 * day)).toBe('nothing new');
  expect((await stat(anchorFile())).mode & 0o777).toBe(0o600);
  const { anchors } = await verify();
  expect(anchors).toMatchObject({ checked: 2, unverifiable: 0, unreadable: 0, last: { seq: 3 } });
});

test('an anchor that a crash cut off spoils neither those before it nor those after', async () => {
  await writeMany(1);
  await anchor();
  await appendFile(anchorFile(), '{"at":"2026-');
  await writeMany(1);
  await anchor(Date.now() + 2 * day);
  expect(await verify()).toMatchObject({ isIntact: true, anchors: { checked: 2, unreadable: 1 } });
});

test('a redaction goes through the log first, and the chain proves itself before, between and after', async () => {
  await write(...[1, 2, 3].map(n => auditEntry(Date.now(), record(n, { target: '+15550100' }))));
  const [entry] = await selectAuditChain(store.pool, {}, { after: 1, before: 3, newestFirst: false, limit: 1 });
  if (!entry) throw new Error('entry 2 is missing');
  const { action, actorKind, actorId, actorName, address, outcome } = entry;
  const content = { action, actorKind, actorId, actorName, address, outcome, target: null, details: '{"erased":true}' };
  expect(await redactAuditContent(store.pool, 2)).toBe(false);

  const by = { actor: { kind: 'system', id: 'worker', name: 'worker' }, address: null } as const;
  await write(auditEntry(Date.now(), redactionRecord(2, content, by)));
  expect(await verify()).toMatchObject({ isIntact: true, redacted: 0, entries: 4 });

  expect(await redactAuditContent(store.pool, 2)).toBe(true);
  expect(await redactAuditContent(store.pool, 2)).toBe(true);
  const after = await selectAuditEntries(
    store.pool,
    { targets: ['+15550100'] },
    { after: null, before: null, newestFirst: true, limit: 9 },
  );
  expect(after.map(({ seq }) => seq)).toEqual([3, 1]);
  expect(await verify()).toMatchObject({ isIntact: true, redacted: 1, entries: 4 });

  // The old digest stays; without the old salt it says nothing of a number that somebody tries.
  const [redacted] = await selectAuditChain(store.pool, {}, { after: 1, before: 3, newestFirst: false, limit: 1 });
  if (!redacted) throw new Error('entry 2 is missing');
  expect(redacted.contentDigest).toEqual(entry.contentDigest);
  expect(redacted.salt).not.toEqual(entry.salt);
  expect(contentDigest(redacted.salt, { ...entry })).not.toEqual(entry.contentDigest);

  await tamper("UPDATE audit_log SET target = 'another' WHERE seq = 2");
  expect((await verify()).broken).toMatchObject({ seq: 2, what: 'content' });
});

test('an entry that attests something cannot be redacted itself', async () => {
  await writeMany(1);
  const by = { actor: { kind: 'system', id: 'worker', name: 'worker' }, address: null } as const;
  const nobody = { actorKind: null, actorId: null, actorName: null, address: null, target: null, outcome: null };
  await write(auditEntry(Date.now(), redactionRecord(1, { ...nobody, action: 'call.make', details: '{}' }, by)));
  await write(auditEntry(Date.now(), redactionRecord(2, { ...nobody, action: 'audit.redact', details: '{}' }, by)));
  await expect(redactAuditContent(store.pool, 2)).rejects.toThrow('audit entry 2 cannot be redacted');
  expect(await redactAuditContent(store.pool, 1)).toBe(true);
  expect(await verify()).toMatchObject({ isIntact: true, redacted: 1 });
});

test('retention seals the oldest entries in two steps, and the chain proves itself from the last seal', async () => {
  const now = Date.now();
  await write(...[40, 39, 38].map((days, i) => auditEntry(now - days * day, record(i + 1))));
  await anchor(now - 38 * day);
  await write(...[37, 32, 31].map((days, i) => auditEntry(now - days * day, record(i + 4))));
  await anchor(now - 31 * day);
  await write(auditEntry(now - 12 * day, record(7)));

  expect(await seal(now)).toBe('announced');
  expect(await verify()).toMatchObject({ isIntact: true, entries: 7, sealedUpTo: 0 });
  await drain();
  expect(await seal(now)).toBe('sealed');
  expect(await seal(now)).toBe('nothing');
  const [entry] = await selectAuditEntries(store.pool, { actions: ['audit.seal'] }, newest);
  expect(entry).toMatchObject({ seq: 8, target: 'audit:1-6', actorName: 'worker' });
  expect(await verify()).toMatchObject({ isIntact: true, entries: 2, sealedUpTo: 6, firstSeq: 7, events: 2 });
  expect((await verify()).anchors).toMatchObject({ checked: 1, unverifiable: 1 });
  await anchor(now);
  expect(await verify()).toMatchObject({ isIntact: true, anchors: { checked: 2 } });

  // The next day's, and what goes wrong at the beginning is found behind a seal, too.
  expect(await seal(now + 20 * day)).toBe('announced');
  await drain();
  expect(await seal(now + 20 * day)).toBe('sealed');
  expect(await verify()).toMatchObject({ isIntact: true, entries: 2, sealedUpTo: 7 });
  await tamper('DELETE FROM audit_log WHERE seq = 8');
  expect((await verify()).broken).toMatchObject({ seq: 8, what: 'missing' });
});

test('what no entry announces is not sealed', async () => {
  await writeMany(3);
  await expect(sealAudit(store.pool, 2)).rejects.toThrow('no audit entry says that the chain is sealed up to 2');
});

test('a process killed while it copies leaves a whole chain, and the next one goes on with it', {
  timeout: 60_000,
}, async () => {
  const program = fileURLToPath(new URL('./fixtures/drain-and-die.ts', import.meta.url));
  let written = 0;
  // Around the statements that make the chain longer, and the last one of the transaction.
  for (const nth of [9, 10, 11, 13]) {
    await filler.append(
      [1, 2, 3].map(n => auditEntry(Date.now(), record(n))),
      'audit',
    );
    written += 3;
    const args = [program, filler.keys.pbxId, redisUrl, database.url, String(nth), 'sent', 'audit'];
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    await once(child, 'exit');
    expect([child.signalCode, nth]).toEqual(['SIGKILL', nth]);
    await waitFor(isQuiet, { what: 'PostgreSQL to end what the dead process sent' });
    expect((await verify()).broken).toBeNull();
  }
  await drain();
  expect(await verify()).toMatchObject({ isIntact: true, entries: written, events: written });
});

test('two at once cannot fork the chain', async () => {
  await writeMany(1);
  const entries = (epoch: string) =>
    Array.from({ length: 5 }, (_, i): LogEntry => {
      const { type, at, body } = auditEntry(Date.now(), record(i));
      return { channel: 'audit', epoch, seq: i + 1, type, at, body, dn: null, call: null, event: null };
    });
  const add = (epoch: string) => inTransaction(store.pool, client => fillAuditChain({ client }, entries(epoch)));
  await Promise.all(['zzzzzzz1', 'zzzzzzz2', 'zzzzzzz3'].map(add));
  const chain = await selectAuditChain(store.pool, {}, { ...newest, newestFirst: false });
  expect(chain.map(({ seq }) => seq)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  expect(chain.slice(1).every((entry, i) => entry.prevHash.equals(chain[i]?.hash ?? Buffer.alloc(0)))).toBe(true);
  const again =
    'INSERT INTO audit_log SELECT 99, epoch, 99, at, action, actor_kind, actor_id, actor_name, address, target, outcome, details, salt, content_digest, prev_hash, hash FROM audit_log WHERE seq = 5';
  await expect(store.pool.query(again)).rejects.toThrow('audit_log_prev_hash_key');
});

test('even the owner is refused every change', async () => {
  await writeMany(1);
  for (const table of ['audit_log', 'audit_seals']) {
    for (const statement of [`UPDATE ${table} SET epoch = 'x'`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
      const asOf = statement.replace('audit_seals SET epoch', 'audit_seals SET last_epoch');
      await expect(store.pool.query(asOf)).rejects.toThrow(`${table} is append-only`);
    }
  }
});

test('pages of the chain come in either direction and by action, actor, target, outcome and time', async () => {
  const t0 = Date.UTC(2026, 10, 24);
  const system = { kind: 'system', id: 'worker', name: 'worker' } as const;
  await write(
    auditEntry(t0, record(1)),
    auditEntry(t0 + 1_000, record(2, { action: 'call.drop', outcome: 'failed' })),
    auditEntry(t0 + 2_000, record(3, { actor: system, target: null })),
    auditEntry(t0 + 3_000, record(4, { target: '102' })),
  );
  const find = async (filters: AuditFilters, page: Partial<AuditPage> = {}) =>
    (await selectAuditEntries(store.pool, filters, { ...newest, ...page })).map(({ seq }) => seq);
  expect(await find({})).toEqual([4, 3, 2, 1]);
  expect(await find({}, { after: 1, limit: 2, newestFirst: false })).toEqual([2, 3]);
  expect(await find({}, { before: 4, limit: 2 })).toEqual([3, 2]);
  expect(await find({ actions: ['call.drop'] })).toEqual([2]);
  expect(await find({ actors: ['CRM'], targets: ['101'] })).toEqual([2, 1]);
  expect(await find({ actors: ['worker'] })).toEqual([3]);
  expect(await find({ outcomes: ['done'], from: new Date(t0 + 1_000), to: new Date(t0 + 2_000) })).toEqual([3]);
  const [entry] = await selectAuditEntries(store.pool, {}, newest);
  expect(entry).toMatchObject({
    position: expect.stringMatching(/_0{15}4$/),
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(entry?.at).toBe(t0 + 3_000);
});

test('an operation stands in the chain and among the lines of error_log', async () => {
  await writeMany(1);
  const { rows } = await store.pool.query('SELECT component, severity, message FROM error_log');
  expect(rows).toEqual([{ component: 'audit', severity: 'info', message: 'call.make on 101 by CRM: done' }]);
});

async function isQuiet(): Promise<boolean> {
  const { rows } = await store.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'drain-and-die'");
  return rows.length === 0;
}
