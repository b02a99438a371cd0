import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Call } from '../call-model/call.ts';
import type { CdrSource } from '../pbx/cdr.ts';
import { isToldBy } from './match.ts';
import { type RecordedCall, readRecordedCall } from './recorded-call.ts';

/**
 * Calls that began and ended while nobody watched leave no trace in call control; the PBX's records know them. After an
 * outage they are read, several times because rows come late, and each call that nobody saw becomes an entry.
 *
 * What is still to be healed, and which records became entries, stands in Redis beside the log and changes with it: a
 * process that dies in between goes on where it was, and no call is recovered twice.
 */
export interface Outage {
  /** Unix ms. */
  readonly from: number;
  readonly to: number;
}

export interface GapHealingOptions {
  /** When to read, in ms after the connection came back. */
  readonly delaysMs: readonly number[];
  /** How long an unreachable source is asked again. */
  readonly giveUpAfterMs: number;
}

export interface GapHealingDeps {
  readonly source: CdrSource;
  readonly claimed: ReadonlyMap<string, number>;
  /** Calls that were watched and are open or ended lately: their records are not theirs who come. */
  readonly knownCalls: () => Iterable<Call>;
  /** Whether the API client may see one of these DNs: the records tell of the whole PBX. */
  readonly isMonitored: (dns: readonly string[]) => boolean;
  readonly recover: (record: RecordedCall) => void;
  readonly healed: (outage: Outage, recovered: number) => void;
  readonly errors: ErrorSink;
  readonly logger: Logger;
  readonly now?: () => number;
}

interface Progress {
  attempt: number;
  recovered: number;
  readonly since: number;
  readonly isQuiet: boolean;
}

/** A row's times are the PBX's, an outage's are ours: a second of either may belong to the other side. */
const MARGIN_MS = 1_000;
const RETRY_MS = 30_000;

export class GapHealing {
  readonly #options: GapHealingOptions;
  readonly #deps: GapHealingDeps;
  readonly #now: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;

  constructor(options: GapHealingOptions, deps: GapHealingDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  /** `isQuiet`: nothing is told when nothing was recovered. */
  heal(outage: Outage, how: { isQuiet: boolean } = { isQuiet: false }): void {
    const progress = { attempt: 0, recovered: 0, since: this.#now(), isQuiet: how.isQuiet };
    this.#after(this.#options.delaysMs[0] ?? 0, () => void this.#pass(outage, progress));
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #pass(outage: Outage, progress: Progress): Promise<void> {
    const { errors, healed, logger } = this.#deps;
    const isLast = progress.attempt >= this.#options.delaysMs.length - 1;
    try {
      progress.recovered += await this.#recover(outage, isLast);
      progress.attempt += 1;
    } catch (error) {
      if (this.#isStopped) return;
      const message = messageOf(error);
      if (this.#now() - progress.since < this.#options.giveUpAfterMs) {
        logger.warn({ outage }, `calls inside an outage cannot be recovered yet: ${message}`);
        return this.#after(RETRY_MS, () => void this.#pass(outage, progress));
      }
      if (progress.isQuiet) return;
      const lost = `calls inside an outage could not be recovered from call records: ${message}`;
      errors.logError('recovery', 'error', lost, isoOf(outage));
      return healed(outage, progress.recovered);
    }
    const next = this.#options.delaysMs[progress.attempt];
    if (next !== undefined) {
      const waitMs = Math.max(0, progress.since + next - this.#now());
      return this.#after(waitMs, () => void this.#pass(outage, progress));
    }
    if (this.#isStopped) return;
    if (progress.isQuiet && progress.recovered === 0) return;
    const told = `${progress.recovered} calls inside an outage were recovered from call records`;
    errors.logError('recovery', 'info', told, isoOf(outage));
    healed(outage, progress.recovered);
  }

  async #recover({ from, to }: Outage, isLast: boolean): Promise<number> {
    const { source, claimed, isMonitored, recover } = this.#deps;
    let recovered = 0;
    for await (const cdr of source.queryCDR(new Date(from - MARGIN_MS), new Date(to))) {
      if (this.#isStopped) return recovered;
      const record = readRecordedCall(cdr);
      if (!record || claimed.has(record.callHistoryId) || !isMonitored(record.dns)) continue;
      const isInside =
        record.startedAt >= from - MARGIN_MS && record.endedAt !== null && record.endedAt <= to + MARGIN_MS;
      // A chain without its end may still be a call in progress, as long as later rows can come.
      if (!isInside || !(record.isOver || isLast) || this.#isKnown(record)) continue;
      recover(record);
      recovered += 1;
    }
    return recovered;
  }

  #isKnown(record: RecordedCall): boolean {
    for (const call of this.#deps.knownCalls()) if (isToldBy(call, record)) return true;
    return false;
  }

  #after(delayMs: number, run: () => void): void {
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }
}

function isoOf({ from, to }: Outage): { from: string; to: string } {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
