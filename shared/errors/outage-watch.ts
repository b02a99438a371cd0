import { messageOf } from '../runtime/operator-error.ts';
import { sleep } from '../runtime/retry.ts';

/**
 * Looks at one thing again and again and tells when it has been out for a while, once, and when it is back. A restart
 * that nobody would notice is not news.
 */
export interface OutageWatchOptions {
  /** What is wrong right now, as a sentence; null when nothing is. A rejection is a problem, too. */
  readonly problem: () => string | null | Promise<string | null>;
  readonly everyMs: number;
  readonly tellAfterMs: number;
  readonly onOutage: (problem: string) => void;
  readonly onEnd: (outageMs: number) => void;
  readonly now?: () => number;
}

export interface OutageWatch {
  /** A look that hangs is not waited for. */
  stop(): void;
}

export function createOutageWatch(options: OutageWatchOptions): OutageWatch {
  const { everyMs, tellAfterMs, now = () => performance.now() } = options;
  const stopping = new AbortController();
  let since: number | null = null;
  let isTold = false;

  function see(problem: string | null): void {
    if (problem === null) {
      if (isTold && since !== null) options.onEnd(now() - since);
      since = null;
      isTold = false;
      return;
    }
    since ??= now();
    if (isTold || now() - since < tellAfterMs) return;
    isTold = true;
    options.onOutage(problem);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const problem = await look(options);
      if (stopping.signal.aborted) return;
      see(problem);
      await sleep(everyMs, stopping.signal);
    }
  }

  void run();
  return { stop: () => stopping.abort() };
}

async function look({ problem }: OutageWatchOptions): Promise<string | null> {
  try {
    return await problem();
  } catch (error) {
    return messageOf(error);
  }
}
