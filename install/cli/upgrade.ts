import { resolve } from 'node:path';
import { backUpBefore } from './backup/before-upgrade.ts';
import { parseOptions } from './options.ts';
import { type Changing, changeRelease } from './release/change-release.ts';
import { settleInterrupted } from './release/recover.ts';
import { compareMigrations, requireKnownSchema } from './release/schema-fit.ts';
import { haveUnitsChanged } from './release/unit-changes.ts';
import { unpackRelease } from './release/unpack.ts';
import { withReleases } from './release/with-releases.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

export const UPGRADE_USAGE = `usage: 3cx-relay upgrade FILE|DIR [--timeout SECONDS] [--no-backup]

  Installs another version: FILE is 3cx-relay-<version>.tar.gz with its .sha256 beside it, DIR a folder with such a file
  or an unpacked release. The services are restarted one after another; clients come back with their positions. When one
  of them does not become ready, or the log does not go on, the version from before runs again by itself.

  --timeout SECONDS   how long the new version has to become ready; default 120
  --no-backup         none is made before; one needs pg_dump (package postgresql-client)

  Interrupted, the next run completes it or takes it back. The last three versions stay for "3cx-relay rollback".
  Exit code 0: this version runs, 1: it does not, and the message says what does.
`;

export const ROLLBACK_USAGE = `usage: 3cx-relay rollback [--timeout SECONDS]

  Goes back to the version that ran before. Refused when the database knows migrations that it cannot work with.
`;

const KEEP = 3;

/** Resolves with the exit code. */
export async function upgrade(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    timeout: { type: 'string' },
    'no-backup': { type: 'boolean' },
  });
  if (values.help) {
    process.stdout.write(UPGRADE_USAGE);
    return 0;
  }
  const [source, ...more] = positionals;
  if (source === undefined || more.length > 0) throw new UsageError('Name one file or folder.');
  return withReleases(settings, values.timeout, async deps => {
    await settleInterrupted(deps);
    const { releases, say } = deps;
    const from = releases.linked('current');
    if (from === null) throw new Error(`${releases.prefix}/current names no whole release: run install.sh again.`);
    const to = await unpackRelease(releases, resolve(source));
    if (to === from) {
      say(`version ${to} runs already, nothing was changed`);
      return 0;
    }
    say(`version ${to} is unpacked, ${from} runs`);
    await prepare(deps, { from, to, isBackedUp: !values['no-backup'] });
    await changeRelease(deps, { from, to });
    if (await haveUnitsChanged(releases.pathOf(from), releases.pathOf(to)))
      say(`the units of ${to} are others: run "sh ${releases.pathOf(to)}/install/install.sh" once`);
    for (const old of releases.prune(KEEP)) say(`removed version ${old}`);
    say(`version ${to} runs; "3cx-relay rollback" goes back to ${from}`);
    return 0;
  });
}

/** What may still be refused while nothing was changed. */
async function prepare(deps: Changing, { from, to, isBackedUp }: { from: string; to: string; isBackedUp: boolean }) {
  const { releases, settings, say } = deps;
  await requireKnownSchema(settings, { folder: releases.pathOf(to), version: to });
  const { added, breaking } = compareMigrations(releases.pathOf(from), releases.pathOf(to));
  if (added.length > 0) say(`the database gets ${added.length} migrations: ${added.join(', ')}`);
  if (breaking.length > 0) say(`version ${from} cannot work with ${breaking.join(', ')}: the way back is the backup`);
  if (isBackedUp) await backUpBefore(settings, say);
}

/** Resolves with the exit code. */
export async function rollback(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, { timeout: { type: 'string' } });
  if (values.help) {
    process.stdout.write(ROLLBACK_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many.`);
  return withReleases(settings, values.timeout, async deps => {
    await settleInterrupted(deps);
    const { releases, say } = deps;
    const [from, to] = [releases.linked('current'), releases.linked('previous')];
    if (to === null) throw new Error('There is no version to go back to.');
    if (from === null || from === to) throw new Error('The version from before runs already.');
    await requireKnownSchema(settings, { folder: releases.pathOf(to), version: to });
    await changeRelease(deps, { from, to });
    say(`version ${to} runs again; "3cx-relay rollback" goes forward to ${from}`);
    return 0;
  });
}
