import { setTimeout as sleep } from 'node:timers/promises';
import { isElsewhere } from './installation.ts';
import { parseOptions } from './options.ts';
import type { Settings } from './settings.ts';
import { formatStatus } from './status/format-status.ts';
import { isFit } from './status/is-fit.ts';
import { readStatus } from './status/read-status.ts';
import { UsageError } from './usage-error.ts';

export const STATUS_USAGE = `usage: 3cx-relay status [--json] [--watch]

  One screen: version, units, health, calls, events a second, how far PostgreSQL is behind, clients, spool.

  --json    one line
  --watch   again every two seconds, until Ctrl-C
  Exit code 0: events reach clients, 1: they do not. On a machine without a relay: its units are active, or not.
`;

const EVERY_MS = 2_000;
const CLEAR = '\x1b[2J\x1b[H';

/** Resolves with the exit code. */
export async function status(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean' }, watch: { type: 'boolean' } });
  if (values.help) {
    process.stdout.write(STATUS_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many.`);
  const stopped = new AbortController();
  process.once('SIGINT', () => stopped.abort());
  for (;;) {
    const now = await readStatus(settings);
    const text = values.json ? `${JSON.stringify(now)}\n` : formatStatus(now);
    process.stdout.write(values.watch && process.stdout.isTTY && !values.json ? CLEAR + text : text);
    if (!values.watch || stopped.signal.aborted) return isFit(now, isElsewhere('relay', settings.installation)) ? 0 : 1;
    await sleep(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
  }
}
