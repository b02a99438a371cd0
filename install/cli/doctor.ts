import { paint } from '../dev/terminal.js';
import type { Level } from './doctor/check.ts';
import { openContext } from './doctor/context.ts';
import { CHECKS, exitCodeOf, type Result, runChecks } from './doctor/run-checks.ts';
import { parseOptions } from './options.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const DOCTOR_USAGE = `usage: 3cx-relay doctor [--json] [--only NAME,…]

  Looks at everything that has to be right, and says of each failure what to do. Changes nothing.
  Checks: ${CHECKS.map(({ name }) => name)
    .join(', ')
    .replaceAll(/(.{1,108})(?:, |$)/g, '$1,\n          ')
    .trimEnd()
    .replace(/,$/, '')}
  Exit code 0: all good, 1: warnings, 2: failures.
`;

const MARKS: Readonly<Record<Level, string>> = {
  ok: paint('green', '✓'),
  warning: paint('yellow', '!'),
  failure: paint('red', '✗'),
  unknown: paint('dim', '·'),
};

/** Resolves with the exit code. */
export async function doctor(args: readonly string[], settings: Settings, terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean' }, only: { type: 'string' } });
  if (values.help) {
    terminal.stdout.write(DOCTOR_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}": name checks with --only.`);
  const results = await diagnose(settings, values.only?.split(','));
  terminal.stdout.write(values.json ? `${JSON.stringify({ checks: results })}\n` : format(results));
  return exitCodeOf(results);
}

/** @throws UsageError when there is no such check */
export async function diagnose(settings: Settings, only?: readonly string[]): Promise<Result[]> {
  const missing = only?.find(name => !CHECKS.some(check => check.name === name));
  if (missing !== undefined) throw new UsageError(`--only: there is no check "${missing}".`);
  const context = openContext(settings);
  const checks = CHECKS.filter(({ name }) => only?.includes(name) ?? true);
  return runChecks(checks, context).finally(context.stop);
}

function format(results: readonly Result[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.flatMap(({ name, level, text, fix }) => [
    `  ${MARKS[level]} ${name.padEnd(width)}  ${text}`,
    ...(fix === undefined ? [] : [`    ${' '.repeat(width)}  ${paint('dim', `→ ${fix}`)}`]),
  ]);
  const count = (level: Level) => results.filter(each => each.level === level).length;
  const [failures, warnings] = [count('failure'), count('warning')];
  const sum = failures + warnings === 0 ? 'all good' : `failures: ${failures}, warnings: ${warnings}`;
  return `${lines.join('\n')}\n\n  ${sum}\n`;
}
