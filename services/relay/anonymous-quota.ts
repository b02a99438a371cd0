import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';

/**
 * So many records of strangers a second are written; of the others the newest is, once there is room again, and it says
 * how many it stands for.
 */
export interface AnonymousQuota {
  take(at: number, record: RequestRecord): void;
  /** Writes what was only counted so far. */
  stop(): void;
}

const WINDOW_MS = 1_000;

export function createAnonymousQuota(
  write: (at: number, record: RequestRecord) => void,
  maxPerSecond: number,
): AnonymousQuota {
  let written = 0;
  let suppressed = 0;
  let newest: { at: number; record: RequestRecord } | null = null;
  let timer: NodeJS.Timeout | undefined;

  function writeNewest(): void {
    if (!newest) return;
    const { at, record } = newest;
    // The newest one is written itself, the number is that of the others.
    write(at, suppressed > 1 ? { ...record, suppressed: suppressed - 1 } : record);
    suppressed = 0;
    newest = null;
  }

  function beginWindow(): void {
    timer = undefined;
    written = newest ? 1 : 0;
    writeNewest();
    if (written > 0) timer = setTimeout(beginWindow, WINDOW_MS).unref();
  }

  return {
    take(at, record) {
      timer ??= setTimeout(beginWindow, WINDOW_MS).unref();
      if (written < maxPerSecond) {
        written += 1;
        write(at, record);
        return;
      }
      suppressed += 1;
      newest = { at, record };
    },
    stop() {
      clearTimeout(timer);
      writeNewest();
    },
  };
}
