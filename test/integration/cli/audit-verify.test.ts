import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillAuditChain } from '../../../services/worker/persist/tables/fill-audit-chain.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { inheritedEnvironment } from '../../harness/processes.ts';

/** `npm run audit:verify`, whose exit code a monitoring system reads. */
const PROGRAM = fileURLToPath(new URL('../../../install/cli/3cx-relay.js', import.meta.url));
let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const actor = { kind: 'api_key', id: '7', name: 'CRM' } as const;
  const record = { action: 'call.make' as const, actor, address: null, target: '101', outcome: 'done', details: {} };
  const { type, at, body } = auditEntry(Date.UTC(2026, 0, 1), record);
  const rest = { type, at, body, dn: null, call: null, event: null };
  const client = await pool.connect();
  await fillAuditChain(
    { client },
    [1, 2, 3].map(seq => ({ channel: 'audit', epoch: 'm5k2h7qa', seq, ...rest })),
  );
  client.release();
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

async function verify(args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [PROGRAM, 'audit', ...args], {
    // The entries have no events beside them; with one day of history none is expected.
    env: {
      ...inheritedEnvironment(),
      DATABASE_URL: database.url,
      HISTORY_DAYS: '1',
      RELAY_DATA_DIR: `/nowhere/${randomBytes(4).toString('hex')}`,
      ...env,
    },
  });
  const exit = new Promise<number>(resolve => child.once('exit', code => resolve(code ?? -1)));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { output, errors, code };
}

test('the exit code is 0 for an intact audit, 1 for a broken one, 2 for one that cannot be checked', async () => {
  const whole = await verify(['verify', '--json']);
  expect([whole.code, JSON.parse(whole.output)]).toMatchObject([0, { isIntact: true, entries: 3, broken: null }]);

  await pool.query("ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET target = '102' WHERE seq = 2");
  const broken = await verify(['verify']);
  expect([broken.code, broken.output.split('\n')[0]]).toEqual([
    1,
    'The audit is BROKEN: the content of entry 2 was changed, and no later entry says so (content).',
  ]);

  const [away, wrong] = await Promise.all([
    verify(['verify'], { DATABASE_URL: 'postgres://u:p@127.0.0.1:9/x' }),
    verify(['prove']),
  ]);
  expect(away).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('could not be checked') });
  expect(wrong).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('usage: 3cx-relay audit') });
});
