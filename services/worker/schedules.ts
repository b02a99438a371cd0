import type { QueueName } from '@3cx-relay/shared/jobs/catalogue.ts';
import { endWithin } from '@3cx-relay/shared/jobs/end-within.ts';
import type { JobQueue, Schedule } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';

/**
 * What runs when. The schedules live in Redis and every worker writes the same ones, so several workers share them.
 *
 * They are written at start, and again when they turn out to be lost: together with Redis' data they would otherwise
 * stay lost, and nobody would notice before the log is full.
 */
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

const PERSIST: readonly Schedule<'persist'>[] = CHANNELS.map(channel => ({
  id: `drain-${channel}`,
  everyMs: SECOND_MS,
  job: 'drain-channel',
  payload: { channel },
}));

/** What is not indexed yet is looked through: a channel may be behind by what is looked through in a moment. */
const INDEX: readonly Schedule<'upkeep'>[] = CHANNELS.map(channel => ({
  id: `index-${channel}`,
  everyMs: channel === 'calls' ? 5 * SECOND_MS : 30 * SECOND_MS,
  job: 'index-events',
  payload: { channel },
}));

const UPKEEP: readonly Schedule<'upkeep'>[] = [
  ...INDEX,
  // It looks every time, and trims once a minute, or always when the log fills.
  { id: 'trim', everyMs: 5 * SECOND_MS, job: 'trim-log', payload: {} },
  // Days would do, but a run that met a long reader should be repeated soon.
  { id: 'past-calls', everyMs: MINUTE_MS, job: 'fill-past-calls', payload: {} },
  { id: 'months', everyMs: 60 * MINUTE_MS, job: 'keep-months', payload: {} },
  // Both look each time whether a day has passed, so that a worker that was away for days makes up for it at once.
  { id: 'anchor-audit', everyMs: 5 * MINUTE_MS, job: 'anchor-audit', payload: {} },
  { id: 'seal-audit', everyMs: 60 * MINUTE_MS, job: 'seal-audit', payload: {} },
];

/** When ingest is away one run waits, not one for every five seconds: the next is made when the one before is taken. */
const PBX: readonly Schedule<'pbx'>[] = [
  { id: 'check-connections', everyMs: 5 * SECOND_MS, job: 'check-connections', payload: {} },
];

const LOOK_EVERY_MS = 10 * SECOND_MS;
const STOP_MS = 500;

export interface Schedules {
  stop(): Promise<void>;
}

export function createSchedules(deps: {
  persist: JobQueue<'persist'>;
  upkeep: JobQueue<'upkeep'>;
  pbx: JobQueue<'pbx'>;
  logger: Logger;
}): Schedules {
  const stopping = new AbortController();
  const running = keepWriting(deps, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await endWithin(running, STOP_MS);
    },
  };
}

async function keepWriting(deps: Parameters<typeof createSchedules>[0], signal: AbortSignal): Promise<void> {
  const backoff = createBackoff({ firstMs: 200, maxMs: 5_000 });
  const written = new Set<string>();
  while (!signal.aborted) {
    try {
      for (const schedule of PERSIST) await writeIfNeeded(deps.persist, schedule, written);
      for (const schedule of UPKEEP) await writeIfNeeded(deps.upkeep, schedule, written);
      for (const schedule of PBX) await writeIfNeeded(deps.pbx, schedule, written);
      backoff.reset();
      await sleep(LOOK_EVERY_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      deps.logger.warn({ err: error }, 'the schedules could not be written, trying again');
      await sleep(backoff.next(), signal);
    }
  }
}

/** Once for each process, because a new version may have changed it; writing it over and over would postpone it. */
async function writeIfNeeded<Name extends QueueName>(
  queue: JobQueue<Name>,
  schedule: Schedule<Name>,
  written: Set<string>,
): Promise<void> {
  if (written.has(schedule.id) && !(await queue.isLost(schedule))) return;
  await queue.schedule(schedule);
  written.add(schedule.id);
}
