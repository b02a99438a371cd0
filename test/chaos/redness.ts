import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Whoever asks must know so soon that events do not flow. */
export const RED_WITHIN_MS = 5_000;
/** What the asking itself may take on a machine with more to do than it can. */
const ASKED_EVERY_MS = 50;

export type Asked = 'ingest' | 'relay' | 'worker';

/** What `/readyz` of a service says now; empty when it is ready. A service that does not answer is not ready. */
export async function reasonsOf(system: System, name: Asked): Promise<string[]> {
  try {
    const answer = await fetch(`${system.service(name).internalUrl}/readyz`, { signal: AbortSignal.timeout(1_000) });
    const { reasons } = (await answer.json()) as { reasons: string[] };
    return answer.ok ? [] : reasons;
  } catch (error) {
    return [`${name} does not answer: ${String(error)}`];
  }
}

type Health = { status: string; components: Record<string, { state: string; error?: string | null }> };

/** With a key the reasons, too. */
export async function healthOf(relayUrl: string, apiKey?: string): Promise<Health> {
  const headers = apiKey === undefined ? {} : { 'x-api-key': apiKey };
  const answer = await fetch(`${relayUrl}/relay/health`, { headers, signal: AbortSignal.timeout(2_000) });
  return (await answer.json()) as Health;
}

/** Ms until the condition is met. @throws when it is not within the time in which it must be red */
export async function msUntilRed(what: string, isRed: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now();
  await waitFor(isRed, { what: `${what} to be red`, timeoutMs: RED_WITHIN_MS, everyMs: ASKED_EVERY_MS });
  return Math.round(performance.now() - startedAt);
}

/**
 * What `/relay/health` says of a process that stands still. Ms until it says so.
 *
 * @throws when it does not say so in time, says it of the other one, or does not take it back
 */
export async function msUntilTold(system: System, frozen: 'ingest' | 'worker'): Promise<number> {
  const componentOf = { ingest: 'ingest', worker: 'persist' } as const;
  const other = frozen === 'ingest' ? 'worker' : 'ingest';
  const stateOf = async (name: 'ingest' | 'worker') =>
    (await healthOf(system.relayUrl)).components[componentOf[name]]?.state;
  const thaw = system.service(frozen).freeze();
  let ms: number;
  try {
    ms = await msUntilRed(`${frozen} in /relay/health`, async () => (await stateOf(frozen)) === 'down');
    const isOtherWell = async () =>
      (await stateOf(other)) === 'up' && (await healthOf(system.relayUrl)).status === 'degraded';
    await waitFor(isOtherWell, { what: `${other} to be well while ${frozen} stands still` });
    await allReady(system, ['relay', other]);
  } finally {
    thaw();
  }
  await allReady(system);
  await waitFor(async () => (await healthOf(system.relayUrl)).status === 'ok', { what: 'all to be well again' });
  return ms;
}

/** While a fault goes on, too, of those who do not need what is away: a machine may have more to do than to answer at once. */
export async function allReady(system: System, names: readonly Asked[] = ['ingest', 'relay', 'worker']): Promise<void> {
  for (const name of names) {
    await waitFor(async () => (await reasonsOf(system, name)).length === 0, {
      what: `${name} to be ready`,
      timeoutMs: 30_000,
    });
  }
}
