import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditReport, verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sameDays } from '../../services/worker/history-days.ts';
import { createMonths } from '../../services/worker/months.ts';
import { drainChannel } from '../../services/worker/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist-metrics.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let store: PostgresPool;
let filler: LogFiller;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase();
  filler = createLogFiller({ redisUrl: (await createTestRedis()).url, pbxId: (await createTestRedis()).pbxId });
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

function record(n: number, more: Partial<AuditRecord> = {}): AuditRecord {
  const actor = { kind: 'api_key', id: '7', name: 'CRM' };
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
  return verifyAudit(store.pool, { anchorFile: join(folder, 'anchors.jsonl'), keptFrom: Date.now() - 400 * day });
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
