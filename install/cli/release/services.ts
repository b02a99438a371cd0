import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation, InstalledService } from '../installation.ts';
import { reasonOf, runProgram } from '../system.ts';

export interface Readiness {
  /** False also when nothing answers. */
  readonly isReady: boolean;
  /** An ingest that is well and waits, because another one writes: nobody has to do anything about it. */
  readonly isStandby: boolean;
  readonly reasons: readonly string[];
}

/** As services/ingest/lease/ingest-lease.ts says it. */
const STANDBY = 'standby: ';
const PROBE_MS = 2_000;
const LOOK_EVERY_MS = 300;
/** A unit that is started over and over is active for a moment each time. */
const GOOD_LOOKS = 3;

export async function readReadiness({ internalPort }: InstalledService): Promise<Readiness> {
  try {
    const answer = await fetch(`http://127.0.0.1:${internalPort}/readyz`, { signal: AbortSignal.timeout(PROBE_MS) });
    const said = (await answer.json()) as { reasons?: unknown };
    const reasons = Array.isArray(said.reasons) ? said.reasons.map(String) : [];
    const isStandby = reasons.length > 0 && reasons.every(reason => reason.startsWith(STANDBY));
    return { isReady: answer.ok, isStandby, reasons };
  } catch {
    return { isReady: false, isStandby: false, reasons: [`nothing answers on port ${internalPort}`] };
  }
}

export async function isUnitActive(unit: string): Promise<boolean> {
  const { output } = await runProgram('systemctl', ['is-active', unit]);
  return output.trim() === 'active';
}

/** Which services were not ready, with the reason: what was wrong before is not held against what comes. */
export async function readTroubles({ services }: Installation): Promise<ReadonlyMap<string, string>> {
  const troubles = new Map<string, string>();
  for (const service of services) {
    const { isReady, isStandby, reasons } = await readReadiness(service);
    if (!isReady && !isStandby) troubles.set(service.name, reasons.join('; '));
  }
  return troubles;
}

/**
 * Restarts one unit and waits until it is active and ready, or stands by, for several looks in a row.
 *
 * @throws Error that says what it was waiting for
 */
export async function restartService(
  service: InstalledService,
  options: { deadline: number; wasInTrouble: boolean },
): Promise<void> {
  const { deadline, wasInTrouble } = options;
  const left = () => Math.max(1_000, deadline - Date.now());
  const restarted = await runProgram('systemctl', ['restart', service.unit], { timeoutMs: left() });
  if (restarted.code !== 0) throw new Error(`${service.unit} did not start: ${reasonOf(restarted)}`);
  let good = 0;
  let reason = 'it has not answered yet';
  do {
    const [isActive, readiness] = await Promise.all([isUnitActive(service.unit), readReadiness(service)]);
    const isWell = readiness.isReady || readiness.isStandby;
    const hasAnswered = isWell || (wasInTrouble && !readiness.reasons.includes(silence(service)));
    good = isActive && hasAnswered ? good + 1 : 0;
    if (good >= GOOD_LOOKS) return;
    reason = isActive ? readiness.reasons.join('; ') : 'the unit is not active';
    await sleep(LOOK_EVERY_MS);
  } while (Date.now() < deadline);
  throw new Error(`${service.unit} did not become ready: ${reason}`);
}

function silence({ internalPort }: InstalledService): string {
  return `nothing answers on port ${internalPort}`;
}
