import { join } from 'node:path';
import { type AuditReport, verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { integer } from '@3cx-relay/shared/runtime/config.ts';
import { parseOptions } from './options.ts';
import { requireSettings, type Settings } from './settings.ts';
import { openPostgres, storeConfig } from './stores.ts';
import { UsageError } from './usage-error.ts';

export const AUDIT_USAGE = `usage: 3cx-relay audit verify [--json]

  Proves that the audit is as it was written, or names the first entry that is not.
  Reads DATABASE_URL, AUDIT_ANCHOR_FILE and HISTORY_DAYS as the worker does.
  Exit code 0: intact, 1: broken, 2: could not be checked.
`;

const EXIT = { intact: 0, broken: 1, unchecked: 2 } as const;
/** An auditor has time; a page of the chain beside a busy worker may take longer than usual. */
const STATEMENT_TIMEOUT_MS = 120_000;
const DAY_MS = 24 * 3600 * 1_000;
const DAYS = { min: 1, max: 36_500, default: 400 };

const config = {
  ...storeConfig,
  HISTORY_DAYS: integer(DAYS),
  HISTORY_DAYS_AUDIT: integer(DAYS).unwrap().optional(),
};

/** Resolves with the exit code. */
export async function audit(args: readonly string[], settings: Settings): Promise<number> {
  const { isJson, isHelp } = parse(args);
  if (isHelp) {
    process.stdout.write(AUDIT_USAGE);
    return EXIT.intact;
  }
  try {
    const report = await verify(settings);
    process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : format(report));
    return report.isIntact ? EXIT.intact : EXIT.broken;
  } catch (error) {
    process.stderr.write(`The audit could not be checked: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.unchecked;
  }
}

async function verify(settings: Settings): Promise<AuditReport> {
  const { pool, stop } = openPostgres(settings, { statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  try {
    return await verifyAudit(pool, auditPlace(settings));
  } finally {
    await stop();
  }
}

/** Where the anchors are, and from when on each persisted entry must be in the chain. */
export function auditPlace(settings: Settings): { anchorFile: string; keptFrom: number } {
  const read = requireSettings(settings, config);
  const { installation } = settings;
  return {
    anchorFile: settings.values.AUDIT_ANCHOR_FILE ?? join(installation?.stateFolder ?? '.data', 'audit-anchors.jsonl'),
    keptFrom: Date.now() - (read.HISTORY_DAYS_AUDIT ?? read.HISTORY_DAYS) * DAY_MS,
  };
}

function parse(args: readonly string[]): { isJson: boolean; isHelp: boolean } {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean' } });
  if (!values.help && (positionals.length !== 1 || positionals[0] !== 'verify'))
    throw new UsageError('Say what to do with the audit: verify');
  return { isJson: values.json ?? false, isHelp: values.help ?? false };
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
