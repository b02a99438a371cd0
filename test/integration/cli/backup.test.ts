import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { insertLogEpochs } from '@3cx-relay/shared/store/log-epochs.ts';
import { lockPosition, movePosition } from '@3cx-relay/shared/store/log-positions.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fillAuditChain } from '../../../services/worker/persist/tables/fill-audit-chain.ts';
import { callCommandLine, runCommandLine } from '../../harness/command-line.ts';
import { type DebianPostgres, hasDebianPostgres, startDebianPostgres } from '../../harness/debian-postgres.ts';
import { createTestRedis } from '../../harness/redis.ts';

/** backup and restore on a server of Debian's, whose pg_dump is as old as the server; a newer server refuses it. */
const TIMEOUT_MS = 90_000;
const EPOCH = 'm5k2h7qa';
if (!hasDebianPostgres()) console.warn('NOT TESTED: backup and restore, because Debian has no PostgreSQL server here');

describe.skipIf(!hasDebianPostgres())('with pg_dump', () => {
  let server: DebianPostgres;
  let pool: pg.Pool;
  let redis: Redis;
  let keys: LogKeys;
  let dir: string;
  let file: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    server = await startDebianPostgres();
    await migrate({ databaseUrl: server.url });
    pool = new pg.Pool({ connectionString: server.url, max: 2 });
    pool.on('error', () => undefined);
    const { url, pbxId } = await createTestRedis();
    redis = new Redis(url);
    keys = createLogKeys(pbxId);
    dir = mkdtempSync(join(tmpdir(), 'relay-backup-'));
    file = join(dir, 'one.backup');
    mkdirSync(join(dir, 'etc'));
    writeFileSync(
      join(dir, 'etc/relay.env'),
      'FQDN=pbx.example.com\nCLIENT_SECRET=planted-secret\nDATABASE_URL=postgres://u:planted-secret@h/d\n',
    );
    env = { DATABASE_URL: server.url, REDIS_URL: url, PBX_ID: pbxId, HISTORY_DAYS: '1', RELAY_DATA_DIR: dir };
    await fill();
  }, TIMEOUT_MS);

  afterAll(async () => {
    await pool?.end();
    redis?.disconnect();
    await server?.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  /** An audit of three entries, and five entries of calls of which PostgreSQL has two. */
  async function fill(): Promise<void> {
    const client = await pool.connect();
    const actor = { kind: 'api_key', id: '7', name: 'CRM' } as const;
    const record = { action: 'call.make' as const, actor, address: null, target: '101', outcome: 'done', details: {} };
    const rest = { ...auditEntry(Date.UTC(2026, 0, 1), record), dn: null, call: null, event: null };
    await fillAuditChain(
      { client },
      [1, 2, 3].map(seq => ({ channel: 'audit' as const, epoch: EPOCH, seq, ...rest })),
    );
    const { epoch } = await append(5);
    await client.query('BEGIN');
    await lockPosition(client, 'calls');
    await movePosition(client, 'calls', { epoch, seq: 2 });
    await insertLogEpochs(client, 'calls', [{ epoch, first: 1 }]);
    await client.query('COMMIT');
    client.release();
    await redis.hset(keys.calls, 'one', '{"id":"one"}');
  }

  let written = 0;
  async function append(count: number) {
    const entries = Array.from({ length: count }, (_, n) => ({
      type: 'call',
      at: Date.now(),
      body: `{"n":${written + n + 1}}`,
    }));
    const firstWriterSeq = written + 1;
    written += count;
    return appendToLog(
      { redis, keys, channel: 'calls' },
      { writerId: 'test', firstWriterSeq, entries, highestKnownSeq: 0 },
    );
  }

  const entryOf = async (name: string) => (await promisify(execFile)('tar', ['-xOf', file, name])).stdout;

  test(
    'a backup says what is in it, and proves that it can be restored',
    async () => {
      const made = await runCommandLine(['backup', '--out', file, '--json'], { ...env, RELAY_CONFIG_DIR: '/nowhere' });
      expect(made).toMatchObject({ code: 0, errors: '' });
      const { manifest } = JSON.parse(made.output);
      expect(manifest).toMatchObject({
        rows: { audit_log: 3 },
        log: { calls: { head: 5, entries: 3 } },
        hasSecrets: false,
      });
      const tried = await runCommandLine(['restore', '--verify-only', '--json', file], env);
      expect(tried).toMatchObject({ code: 0, errors: '' });
      expect(JSON.parse(tried.output)).toMatchObject({ isGood: true, auditEntries: 3, rows: manifest.rows });
      const { rows } = await pool.query("SELECT datname FROM pg_database WHERE datname LIKE 'relay_verify%'");
      expect(rows).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'a backup that was changed is refused, and so is one whose audit does not prove itself',
    async () => {
      const damaged = join(dir, 'damaged.backup');
      const bytes = readFileSync(file);
      const at = bytes.indexOf('PGDMP');
      bytes[at + 2_000] = (bytes[at + 2_000] ?? 0) ^ 0xff;
      writeFileSync(damaged, bytes);
      const refused = await callCommandLine(['restore', '--verify-only', damaged], env);
      expect([refused.code, refused.errors]).toEqual([
        1,
        expect.stringContaining('database.dump is not what the manifest says'),
      ]);

      await pool.query("ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET target = '102' WHERE seq = 2");
      const broken = join(dir, 'broken.backup');
      await callCommandLine(['backup', '--out', broken], env);
      const found = await callCommandLine(['restore', '--verify-only', broken], env);
      expect([found.code, found.errors]).toEqual([1, expect.stringContaining('The audit in the backup is broken')]);
    },
    TIMEOUT_MS,
  );

  test(
    'a restore brings rows, log and calls back, and begins a new epoch behind them',
    async () => {
      const before = await readLogInfo(redis, keys, 'calls');
      await append(4);
      await redis.del(keys.calls);
      await pool.query('CREATE TABLE of_a_newer_version (id int)');
      const restored = await runCommandLine(['restore', '--yes', file], env);
      expect(restored).toMatchObject({ code: 0, errors: '' });

      const { rows } = await pool.query('SELECT target FROM audit_log ORDER BY seq');
      expect(rows.map(({ target }) => target)).toEqual(['101', '101', '101']);
      const newer = await pool.query("SELECT to_regclass('of_a_newer_version') AS found");
      expect(newer.rows[0].found).toBeNull();
      expect(await redis.hgetall(keys.calls)).toEqual({ one: '{"id":"one"}' });
      const entries = await redis.xrange(keys.log('calls'), '-', '+');
      expect(entries.map(([id, fields]) => [id, fields[fields.indexOf('b') + 1]])).toEqual([
        ['3-0', '{"n":3}'],
        ['4-0', '{"n":4}'],
        ['5-0', '{"n":5}'],
        ['6-0', expect.stringContaining('"reason":"log_reset"')],
      ]);
      const after = await readLogInfo(redis, keys, 'calls');
      expect(after.epochs).toEqual([...before.epochs, { epoch: expect.any(String), first: 6 }]);
      // Whoever goes on writing gets the next number of the new epoch.
      const went = await appendToLog(
        { redis, keys, channel: 'calls' },
        { writerId: 'next', firstWriterSeq: 1, entries: [{ type: 'call', at: 1, body: '{}' }], highestKnownSeq: 0 },
      );
      expect(went).toMatchObject({ epoch: after.epochs.at(-1)?.epoch, lastSeq: 7, beganEpoch: false });
    },
    TIMEOUT_MS,
  );

  test(
    'settings are copied without secrets, unless somebody wants them',
    async () => {
      writeFileSync(join(dir, 'etc/install.env'), `PREFIX=${dir}\nBACKUP_DIR=${dir}\n`);
      const installed = { ...env, RELAY_CONFIG_DIR: join(dir, 'etc') };
      file = join(dir, 'without.backup');
      await callCommandLine(['backup', '--out', file], installed);
      const without = await entryOf('settings.env');
      expect(without).toContain('FQDN=pbx.example.com');
      expect(without).toContain('# CLIENT_SECRET is a secret and not in this backup');
      expect(without).not.toContain('planted-secret');
      file = join(dir, 'with.backup');
      await callCommandLine(['backup', '--out', file, '--with-secrets'], installed);
      expect(await entryOf('settings.env')).toContain('CLIENT_SECRET=planted-secret');
    },
    TIMEOUT_MS,
  );
});
