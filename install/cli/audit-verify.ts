import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type AuditReport, verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { databaseConfig, integer, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { readEnvironment } from '../dev/stack/environment.ts';
import { readStack } from './find-relay.ts';
import { UsageError } from './usage-error.ts';

export const AUDIT_USAGE = `usage: npx 3cx-relay audit verify [--json]

  Proves that the audit is as it was written, or names the first entry that is not.
  Reads DATABASE_URL, or the stack that runs in this checkout; AUDIT_ANCHOR_FILE and HISTORY_DAYS as the worker does.
  Exit code 0: intact, 1: broken, 2: could not be checked.
`;

const EXIT = { intact: 0, broken: 1, unchecked: 2 } as const;
const DAY_MS = 24 * 3600 * 1_000;
const DAYS = { min: 1, max: 36_500, default: 400 };
const root = fileURLToPath(new URL('../..', import.meta.url));

const config = {
  ...databaseConfig,
  HISTORY_DAYS: integer(DAYS),
  HISTORY_DAYS_AUDIT: integer(DAYS).unwrap().optional(),
};

/** Resolves with the exit code. */
export async function audit(args: readonly string[]): Promise<number> {
  const { isJson, isHelp } = parse(args);
  if (isHelp) {
    process.stdout.write(AUDIT_USAGE);
    return EXIT.intact;
  }
  try {
    const report = await verify();
    process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : format(report));
    return report.isIntact ? EXIT.intact : EXIT.broken;
  } catch (error) {
    process.stderr.write(`The audit could not be checked: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.unchecked;
  }
}

async function verify(): Promise<AuditReport> {
  const environment = readEnvironment(root, process.env);
  const dataFolder = resolve(root, environment.RELAY_DATA_DIR ?? '.data');
  const stack = readStack(resolve(dataFolder, 'stack.json'));
  const settings = readConfig(config, { DATABASE_URL: stack?.databaseUrl, ...environment });
  const { pool, stop } = createPool({
    databaseUrl: settings.DATABASE_URL,
    name: 'relay audit verify',
    max: 1,
    logger: createLogger({ name: 'audit', level: 'silent' }),
    // An auditor has time; a page of the chain beside a busy worker may take longer than usual.
    statementTimeoutMs: 120_000,
  });
  try {
    return await verifyAudit(pool, {
      anchorFile: environment.AUDIT_ANCHOR_FILE ?? resolve(dataFolder, 'audit-anchors.jsonl'),
      keptFrom: Date.now() - (settings.HISTORY_DAYS_AUDIT ?? settings.HISTORY_DAYS) * DAY_MS,
    });
  } finally {
    await stop();
  }
}

function parse(args: readonly string[]): { isJson: boolean; isHelp: boolean } {
  try {
    const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    if (!values.help && (positionals.length !== 1 || positionals[0] !== 'verify'))
      throw new Error('Say what to do with the audit: verify');
    return { isJson: values.json ?? false, isHelp: values.help ?? false };
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function format(report: AuditReport): string {
  const { broken, anchors, sealedUpTo } = report;
  const since = report.firstAt?.toISOString() ?? '–';
  const until = report.lastAt?.toISOString() ?? '–';
  const last = anchors.last ? `, the last at ${anchors.last.at} of entry ${anchors.last.seq}` : '';
  const lines = [
    broken ? `The audit is BROKEN: ${broken.message} (${broken.what}).` : 'The audit is intact.',
    `  entries    ${report.entries} proved, from ${since} to ${until}`,
    ...(report.redacted > 0 ? [`  redacted   ${report.redacted}, each as a later entry says`] : []),
    ...(sealedUpTo > 0 ? [`  retention  the entries up to ${sealedUpTo} were sealed and removed`] : []),
    `  anchors    ${anchors.checked} checked, ${anchors.unverifiable} inside what was sealed${last}`,
    ...(anchors.unreadable > 0 ? [`             ${anchors.unreadable} lines of the file are no anchors`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
