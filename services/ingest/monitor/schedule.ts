import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { ConnectionMonitor } from './connection-monitor.ts';

/**
 * When the looks are taken. The worker's schedule drives them through the queue, so that they go on at the same pace
 * whatever ingest does; but health that depends on the worker would turn silent with it. So ingest looks by itself when
 * nobody told it to for a while, and says so.
 */
export interface ConnectionSchedule {
  /** A job of the schedule. */
  tick(): Promise<void>;
  /** Who drives the looks at the moment. */
  readonly drivenBy: 'schedule' | 'ingest';
  stop(): void;
}

export interface ScheduleOptions {
  /** Without a job for so long, ingest looks by itself … */
  readonly patienceMs: number;
  /** … at this pace. */
  readonly everyMs: number;
}

const OPTIONS: ScheduleOptions = { patienceMs: 15_000, everyMs: 5_000 };

export function createConnectionSchedule(
  deps: { monitor: Pick<ConnectionMonitor, 'checkAll'>; logger: Logger },
  options: ScheduleOptions = OPTIONS,
): ConnectionSchedule {
  const { monitor, logger } = deps;
  let isDriven = true;
  let lastLookAt = Number.NEGATIVE_INFINITY;
  const look = async () => {
    lastLookAt = performance.now();
    await monitor.checkAll();
  };
  const alone = () => {
    if (isDriven) {
      isDriven = false;
      logger.warn(
        { patienceMs: options.patienceMs },
        'no job of the schedule arrived: ingest checks its connections by itself; is the worker running?',
      );
    }
    timer = setTimeout(alone, options.everyMs);
    void look();
  };
  let timer = setTimeout(alone, options.patienceMs);
  return {
    async tick() {
      clearTimeout(timer);
      timer = setTimeout(alone, options.patienceMs);
      if (!isDriven) logger.info('the schedule drives the checks of the connections again');
      isDriven = true;
      // A run that waited while we were away comes just before the one that is due: it is dropped.
      if (performance.now() - lastLookAt < options.everyMs / 2) return;
      await look();
    },
    get drivenBy() {
      return isDriven ? 'schedule' : 'ingest';
    },
    stop() {
      clearTimeout(timer);
    },
  };
}
