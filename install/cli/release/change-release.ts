import { type Installation, isElsewhere } from '../installation.ts';
import type { Settings } from '../settings.ts';
import { openRedis } from '../stores.ts';
import { runProgram } from '../system.ts';
import { readHeads, waitForProgress } from './log-progress.ts';
import type { Releases } from './releases.ts';
import { readTroubles, restartService } from './services.ts';
import { removeUpgradeRecord, writeUpgradeRecord } from './upgrade-record.ts';

/**
 * Puts another release in the place of the one that runs, and the old one back when the new one does not work.
 *
 * Units are restarted one after another. The worker first: what it does not copy meanwhile waits in Redis, and it brings
 * the database up to date before anybody relies on that. Then the relay, which sends its clients away with their
 * positions. Ingest last, because only its absence can cost events; its socket is closed for a second or two, and the
 * snapshot and the records of the PBX heal that. A release that cannot start is found out at the worker as a rule,
 * while clients and PBX notice nothing.
 */
export interface Changing {
  readonly installation: Installation;
  readonly settings: Settings;
  readonly releases: Releases;
  /** For all services to become ready and the log to go on; a way back has as long again, and not less than usual. */
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
}

export const DEFAULT_TIMEOUT_MS = 120_000;

/** @throws Error when `to` does not work; it says whether `from` runs again */
export async function changeRelease(deps: Changing, { from, to }: { from: string; to: string }): Promise<void> {
  const { releases, say } = deps;
  await requireRedis(deps.settings);
  const troubles = await readTroubles(deps.installation);
  for (const [name, reason] of troubles) say(`${name} was not ready before (${reason}), and need not be afterwards`);
  writeUpgradeRecord(releases.prefix, { from, to, startedAt: new Date().toISOString() });
  releases.point('current', to);
  const touched = new Set<string>();
  try {
    await restartAll(deps, { troubles, touched });
  } catch (error) {
    say(`version ${to} does not work: ${messageOf(error)}`);
    await goBack(deps, { from, to, troubles, touched, why: messageOf(error) });
  }
  releases.point('previous', from);
  removeUpgradeRecord(releases.prefix);
}

/** @throws always */
async function goBack(
  deps: Changing,
  change: {
    from: string;
    to: string;
    troubles: ReadonlyMap<string, string>;
    touched: ReadonlySet<string>;
    why: string;
  },
): Promise<never> {
  const { from, to, troubles, touched, why } = change;
  deps.say(`going back to version ${from}`);
  deps.releases.point('current', from);
  try {
    const timeoutMs = Math.max(deps.timeoutMs, DEFAULT_TIMEOUT_MS);
    await restartAll({ ...deps, timeoutMs }, { troubles, touched: new Set(), only: touched });
  } catch (error) {
    throw new Error(
      `Version ${to} does not work (${why}), and neither does ${from} any more: ${messageOf(error)}. Look at "journalctl -u '3cx-relay-*'"; "3cx-relay rollback" tries again.`,
    );
  }
  removeUpgradeRecord(deps.releases.prefix);
  throw new Error(`Version ${to} does not work (${why}); version ${from} runs again.`);
}

/** @throws Error that says what does not come up */
export async function restartAll(
  deps: Changing,
  run: { troubles: ReadonlyMap<string, string>; touched: Set<string>; only?: ReadonlySet<string> },
): Promise<void> {
  const deadline = Date.now() + deps.timeoutMs;
  const { stop, ...log } = openRedis(deps.settings);
  try {
    const before = await readHeads(log);
    for (const service of deps.installation.services) {
      if (run.only && !run.only.has(service.name)) continue;
      run.touched.add(service.name);
      if (service.name === 'ingest' && !isPbxConfigured(deps.settings)) {
        await runProgram('systemctl', ['restart', service.unit]);
        deps.say('ingest is not waited for: it has not been told of a PBX');
        continue;
      }
      await restartService(service, { deadline, wasInTrouble: run.troubles.has(service.name) });
      deps.say(`${service.name} runs`);
    }
    await waitForProgress(log, { before, mustGrow: feedsLog(deps.settings) }, deadline);
    deps.say('the log goes on');
  } finally {
    await stop();
  }
}

/** Before anything is changed: without it neither version would pass. */
async function requireRedis(settings: Settings): Promise<void> {
  const { redis, stop } = openRedis(settings);
  try {
    await redis.ping();
  } catch (cause) {
    throw new Error(`Redis does not answer (${messageOf(cause)}): see that it runs, nothing was changed.`, { cause });
  } finally {
    await stop();
  }
}

/** Whether what is restarted here writes to the log. */
function feedsLog(settings: Settings): boolean {
  return isPbxConfigured(settings) && !isElsewhere('ingest', settings.installation);
}

/** Ingest does not start without, and nothing is written to the log. */
function isPbxConfigured({ values }: Settings): boolean {
  return Boolean((values.FQDN || values.PBX_URL) && values.CLIENT_ID && values.CLIENT_SECRET);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
