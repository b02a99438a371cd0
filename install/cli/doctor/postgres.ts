import { readdirSync } from 'node:fs';
import { readAnchors } from '@3cx-relay/shared/audit/anchor-file.ts';
import { createQueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import { selectLastAuditVerification } from '@3cx-relay/shared/store/audit-verifications.ts';
import { MONTHLY_TABLES } from '@3cx-relay/shared/store/months.ts';
import { findUnknownMigrations, MIGRATIONS_FOLDER } from '@3cx-relay/shared/store/schema-guard.ts';
import { auditPlace } from '../audit-verify.ts';
import { backupFolder, dailyFolder, listBackups } from '../backup/backup-folder.ts';
import { BACKUP_TIMER } from '../installation.ts';
import { formatSpan } from '../print.ts';
import { silent } from '../stores.ts';
import { type Check, type Finding, failure, ok, unknown, warning } from './check.ts';
import { judgePostgresSettings, readPostgresSettings } from './postgres-settings.ts';

const MIN_MAJOR = 14;
const DAY_MS = 86_400_000;
const BACKUP_OLD_DAYS = 2;
/** The worker writes one a day. */
const ANCHOR_OLD_DAYS = 2;

export const postgresChecks: readonly Check[] = [
  {
    name: 'postgres',
    run: async ({ pool }) => {
      const { rows } = await pool().query<{ server_version: string }>('SHOW server_version');
      const version = rows[0]?.server_version ?? '';
      if (Number.parseInt(version, 10) >= MIN_MAJOR) return ok(`PostgreSQL ${version} answers`);
      return failure(`PostgreSQL ${version} is too old`, `use version ${MIN_MAJOR} or later`);
    },
  },
  {
    name: 'postgres-settings',
    run: async ({ pool }) => judgePostgresSettings(await readPostgresSettings(pool())),
  },
  {
    name: 'migrations',
    run: async ({ pool }) => {
      const known = readdirSync(MIGRATIONS_FOLDER).map(file => file.replace(/\.sql$/, ''));
      const unknownOnes = await findUnknownMigrations(pool(), new Set(known));
      if (unknownOnes.length > 0) {
        const text = `the database has ${unknownOnes.join(', ')} of a newer version`;
        return failure(text, 'install that version again, or restore the backup from before');
      }
      const { rows } = await pool().query<{ name: string }>('SELECT name FROM schema_migrations');
      const applied = new Set(rows.map(({ name }) => name));
      const missing = known.filter(name => !applied.has(name));
      if (missing.length === 0) return ok(`all ${known.length} migrations are applied`);
      return failure(
        `${missing.length} migrations are missing, the first is ${missing[0]}`,
        'restart the worker, which applies them',
      );
    },
  },
  {
    name: 'audit-roles',
    run: async ({ pool }) => {
      const { rows } = await pool().query<{ role: string; process: string }>(
        `SELECT DISTINCT usename AS role, application_name AS process
         FROM pg_stat_activity
         WHERE datname = current_database() AND application_name ~ '^relay( ingest.*)?$'
           AND (has_table_privilege(usename, 'audit_log', 'UPDATE') OR has_table_privilege(usename, 'audit_log', 'DELETE'))`,
      );
      if (rows.length === 0) return ok('relay and ingest sign in with roles that cannot change the audit');
      const text = rows.map(({ role, process }) => `"${process}" signs in as ${role}`).join(', ');
      return warning(
        `${text}, which could change the audit`,
        'give relay.env a DATABASE_URL with a member of relay_service',
      );
    },
  },
  {
    name: 'partitions',
    run: async ({ pool, now }) => {
      const today = new Date(now());
      const next = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1));
      const suffix = next.toISOString().slice(0, 7).replace('-', '_');
      const names = Object.keys(MONTHLY_TABLES).map(table => `${table}_${suffix}`);
      const { rows } = await pool().query<{ name: string }>(
        'SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1)',
        [names],
      );
      const there = new Set(rows.map(({ name }) => name));
      const missing = names.filter(name => !there.has(name));
      if (missing.length === 0) return ok(`the tables of ${suffix.replace('_', '-')} are made ahead`);
      return warning(
        `${missing.length} tables of next month are missing`,
        'the worker makes them every hour: see that it runs',
      );
    },
  },
  {
    name: 'dead-letters',
    run: async ({ pool, redis }) => {
      const { rows } = await pool().query<{ open: number }>(
        'SELECT count(*)::int AS open FROM dead_letters WHERE resolved_at IS NULL',
      );
      const { redis: server, keys } = redis();
      const queues = createQueueInspector({
        connection: { redis: server, stop: async () => undefined },
        keys,
        logger: silent,
      });
      const failed = await queues
        .report()
        .then(report => report.reduce((sum, each) => sum + each.failed, 0))
        .finally(queues.stop);
      const open = rows[0]?.open ?? 0;
      if (open === 0 && failed === 0) return ok('no dead letter, no failed job');
      const text = `${open} dead letters, ${failed} failed jobs`;
      return warning(text, 'look at them in the panel (Connections → Queues) and retry them when the reason is gone');
    },
  },
  {
    name: 'audit',
    of: 'worker',
    run: async ({ pool, settings, now }) => {
      const { anchors } = await readAnchors(auditPlace(settings).anchorFile).catch(() => ({ anchors: null }));
      const last = await selectLastAuditVerification(pool());
      if (last?.outcome === 'broken') {
        const text = `the audit was found broken on ${last.finishedAt.toISOString()}`;
        return failure(text, 'run "3cx-relay audit verify" and keep the database as it is');
      }
      const anchor = anchors?.at(-1);
      const verified = last ? `proved ${formatSpan(now() - last.finishedAt.getTime())} ago` : 'never proved';
      if (anchors === null) return unknown(`${verified}; the anchors cannot be read by this user`);
      if (!anchor)
        return warning(`${verified}, and no anchor was written`, 'the worker writes one a day: see AUDIT_ANCHOR_FILE');
      const age = now() - Date.parse(anchor.at);
      const text = `${verified}, last anchor ${formatSpan(age)} ago`;
      if (age > ANCHOR_OLD_DAYS * DAY_MS) return warning(text, 'the worker writes one a day: see AUDIT_ANCHOR_FILE');
      return last ? ok(text) : warning(text, 'run "3cx-relay audit verify", or prove it in the panel');
    },
  },
  {
    name: 'backup',
    of: 'worker',
    run: async ({ settings, installation, run, now }) => {
      const kept = [backupFolder(settings), dailyFolder(settings)].flatMap(listBackups);
      const last = kept.length === 0 ? null : Math.max(...kept.map(({ at }) => at.getTime()));
      const timer = installation ? await run('systemctl', 'is-enabled', BACKUP_TIMER) : null;
      return judgeBackup(last === null ? null : now() - last, timer?.output.trim() === 'enabled');
    },
  },
];

/** `ageMs` of the newest one; null: there is none. */
export function judgeBackup(ageMs: number | null, isDaily: boolean): Finding {
  const byHand = 'run "3cx-relay backup", or "systemctl enable --now 3cx-relay-backup.timer" for one every night';
  if (ageMs === null)
    return isDaily
      ? warning('there is no backup yet, one is made every night', 'for one now "systemctl start 3cx-relay-backup"')
      : warning('there is no backup', byHand);
  const text = `last backup ${formatSpan(ageMs)} ago`;
  if (ageMs <= BACKUP_OLD_DAYS * DAY_MS) return ok(isDaily ? `${text}, one is made every night` : text);
  return isDaily
    ? warning(`${text}, although one is made every night`, 'look at "journalctl -u 3cx-relay-backup"')
    : warning(text, byHand);
}
