import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { isElsewhere } from '../installation.ts';
import { accessChecks } from './access.ts';
import { type Check, type CheckContext, type Finding, failure, unknown } from './check.ts';
import { ingestChecks } from './ingest-holder.ts';
import { machineChecks } from './machine.ts';
import { pbxChecks } from './pbx.ts';
import { postgresChecks } from './postgres.ts';
import { redisChecks } from './redis.ts';
import { relayChecks } from './relay.ts';

export const CHECKS: readonly Check[] = [
  ...machineChecks,
  ...relayChecks,
  ...ingestChecks,
  ...pbxChecks,
  ...redisChecks,
  ...postgresChecks,
  ...accessChecks,
];

export interface Result extends Finding {
  readonly name: string;
}

const WITHIN_MS = 15_000;

/** All at the same time; in their order. */
export function runChecks(checks: readonly Check[], context: CheckContext, withinMs = WITHIN_MS): Promise<Result[]> {
  return Promise.all(
    checks.map(async ({ name, of, run }) => {
      if (of && isElsewhere(of, context.installation)) return { name, ...unknown(`${of} is on another machine`) };
      try {
        return { name, ...(await within(withinMs, run(context))) };
      } catch (error) {
        return { name, ...failure(messageOf(error), fixOf(error)) };
      }
    }),
  );
}

/** Of what no check foresaw. */
function fixOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'CONFIG_INVALID') return 'set it in relay.env, or name a file with --config';
  if (code === 'EACCES' || code === 'EPERM') return 'run this with sudo';
  return 'see that it runs and can be reached from here';
}

/** 0: all good, 1: warnings only, 2: failures. */
export function exitCodeOf(results: readonly Finding[]): 0 | 1 | 2 {
  if (results.some(({ level }) => level === 'failure')) return 2;
  return results.some(({ level }) => level === 'warning') ? 1 : 0;
}
