import { createQueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { isSecret } from '../backup/settings-copy.ts';
import type { CheckContext } from '../doctor/check.ts';
import { CHECKS, runChecks } from '../doctor/run-checks.ts';
import { REDIS_UNIT } from '../installation.ts';
import type { Settings } from '../settings.ts';
import { readStatus } from '../status/read-status.ts';
import { silent } from '../stores.ts';
import { runProgram } from '../system.ts';
import { ownSettings } from './known-values.ts';
import type { Mask } from './mask.ts';

const LINES = 2_000;
const WITHIN_MS = 20_000;
const SLOW_QUERIES = 20;

/** One file of a bundle: its name and how it comes about. What cannot be had is a file that says why. */
export type Part = readonly [name: string, read: () => Promise<string>];

export function partsOf(settings: Settings, context: CheckContext, mask: Mask): Part[] {
  const json = async (value: unknown) => `${JSON.stringify(mask.json(await value), null, 2)}\n`;
  const services = settings.installation?.services ?? [];
  return [
    ['versions.json', () => json(readVersions(context))],
    ['doctor.json', () => json(readChecks(context))],
    ['status.json', () => json(readStatus(settings))],
    ['settings.env', async () => showSettings(settings, mask)],
    ['queues.json', () => json(readQueues(context))],
    ['schema.json', () => json(readSchema(context))],
    ['slow-queries.json', () => json(readSlowQueries(context))],
    ...services.map(
      ({ name, internalPort }): Part => [
        `metrics-${name}.txt`,
        async () => mask.metrics(await readMetrics(internalPort)),
      ],
    ),
    ...[...services.map(({ unit }) => unit), ...(services.length > 0 ? [REDIS_UNIT] : [])].map(
      (unit): Part => [
        `journal-${unit.replace('.service', '')}.log`,
        async () => (await readJournal(unit)).split('\n').map(mask.line).join('\n'),
      ],
    ),
  ];
}

/** Never rejects. */
export async function readPart([, read]: Part): Promise<string> {
  try {
    return await read();
  } catch (error) {
    return `not available: ${messageOf(error)}\n`;
  }
}

async function readVersions({ installation, pool, redis }: CheckContext): Promise<object> {
  const system = await runProgram('sh', ['-c', '. /etc/os-release && echo "$PRETTY_NAME"; uname -r']);
  const [postgres, server] = await Promise.allSettled([
    pool().query<{ server_version: string }>('SHOW server_version'),
    redis().redis.info('server'),
  ]);
  return {
    node: process.version,
    system: system.output.trim().split('\n'),
    postgres: postgres.status === 'fulfilled' ? postgres.value.rows[0]?.server_version : null,
    redis: server.status === 'fulfilled' ? /^redis_version:(\S+)/m.exec(server.value)?.[1] : null,
    isInstalled: installation !== null,
  };
}

/** Under a key that is not taken for the name of somebody. */
async function readChecks(context: CheckContext): Promise<object> {
  const results = await runChecks(CHECKS, context);
  return results.map(({ name: check, ...rest }) => ({ check, ...rest }));
}

function showSettings(settings: Settings, mask: Mask): string {
  const lines = Object.entries(ownSettings(settings)).map(([name, value = '']) =>
    isSecret(name, value) || name === 'CLIENT_ID' ? `${name}=[secret]` : `${name}=${mask.text(value)}`,
  );
  return `${lines.toSorted().join('\n')}\n`;
}

async function readQueues({ redis }: CheckContext): Promise<object> {
  const { redis: server, keys } = redis();
  const connection = { redis: server, stop: async () => undefined };
  const queues = createQueueInspector({ connection, keys, logger: silent });
  return queues.report().finally(queues.stop);
}

async function readSchema({ pool }: CheckContext): Promise<object> {
  const [migrations, tables] = await Promise.all([
    pool().query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY id'),
    pool().query<{ relation: string; rows: number; bytes: number }>(
      `SELECT relname AS relation, reltuples::float8 AS rows, pg_total_relation_size(oid)::float8 AS bytes
       FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
       ORDER BY bytes DESC LIMIT 50`,
    ),
  ]);
  return { migrations: migrations.rows.map(({ name }) => `migration ${name}`), tables: tables.rows };
}

/** Statements carry no values where the extension counts them; without it, those that run for long just now. */
async function readSlowQueries({ pool }: CheckContext): Promise<object> {
  try {
    const counted = await pool().query(
      `SELECT query, calls::float8 AS count, mean_exec_time AS mean_ms, max_exec_time AS max_ms
       FROM pg_stat_statements ORDER BY max_exec_time DESC LIMIT ${SLOW_QUERIES}`,
    );
    return counted.rows;
  } catch {
    const running = await pool().query(
      `SELECT application_name AS process, state, extract(epoch FROM now() - query_start) * 1000 AS running_ms, query
       FROM pg_stat_activity
       WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()
       ORDER BY query_start LIMIT ${SLOW_QUERIES}`,
    );
    return running.rows;
  }
}

async function readMetrics(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(WITHIN_MS) });
  return answer.text();
}

async function readJournal(unit: string): Promise<string> {
  const args = ['--unit', unit, '--lines', String(LINES), '--output', 'cat', '--no-pager', '--quiet'];
  const { output, errors, isMissing } = await runProgram('journalctl', args, { timeoutMs: WITHIN_MS });
  if (isMissing) throw new Error('this machine has no journalctl');
  return output || errors;
}
