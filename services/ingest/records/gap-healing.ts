import { setImmediate } from 'node:timers/promises';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Call } from '../call-model/call.ts';
import type { CdrSource } from '../pbx/cdr.ts';
import type { Matcher } from './match.ts';
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
  readonly matcher: Matcher;
  readonly claimed: ReadonlyMap<string, number>;
  /** Calls that were watched and are open or ended lately: their records are not theirs who come. */
  readonly knownCalls: () => Iterable<Call>;
  /** Whether the API client may see this DN: the records tell of the whole PBX. */
  readonly isMonitored: (dn: string) => boolean;
  readonly recover: (record: RecordedCall) => void;
  readonly healed: (outage: Outage) => void;
  readonly errors: ErrorSink;
  readonly logger: Logger;
}

/** `since` is monotonic: a clock that is set must neither put a pass off nor end the patience. */
interface Progress {
  attempt: number;
  recovered: number;
  readonly since: number;
  readonly isQuiet: boolean;
}

/** A row's times are the PBX's, an outage's are ours: a second of either may belong to the other side. */
const MARGIN_MS = 1_000;
const RETRY_MS = 30_000;
/** Days of records against thousands of calls: after so long the frames get their turn. */
const BUSY_MS = 10;

export class GapHealing {
  readonly #options: GapHealingOptions;
  readonly #deps: GapHealingDeps;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #unhealed = new Set<Outage>();
  /** One pass at a time: a line that was lost a hundred times must not ask the PBX a hundred things at once. */
  #line: Promise<void> = Promise.resolve();
  #isFailing = false;
  #isStopped = false;

  constructor(options: GapHealingOptions, deps: GapHealingDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Unix ms from which on somebody may still ask what was seen and what was recovered; Infinity while nobody will. */
  get neededFrom(): number {
    let from = Number.POSITIVE_INFINITY;
    for (const outage of this.#unhealed) from = Math.min(from, outage.from);
    return from;
  }

  /**
   * `isQuiet`: a guess, of which nothing is told when nothing was recovered. It is not asked for longer than the passes
   * take: guesses come every few seconds while a PBX answers no GET, and where there are no records they would pile up.
   */
  heal(outage: Outage, how: { isQuiet: boolean } = { isQuiet: false }): void {
    this.#unhealed.add(outage);
    const progress = { attempt: 0, recovered: 0, since: performance.now(), isQuiet: how.isQuiet };
    this.#after(this.#options.delaysMs[0] ?? 0, outage, progress);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #pass(outage: Outage, progress: Progress): Promise<void> {
    if (this.#isStopped) return;
    const { delaysMs, giveUpAfterMs } = this.#options;
    try {
      progress.recovered += await this.#recover(outage, progress.attempt >= delaysMs.length - 1);
      this.#isFailing = false;
    } catch (error) {
      if (this.#isStopped) return;
      const message = messageOf(error);
      this.#explain(message);
      if (!progress.isQuiet) {
        if (performance.now() - progress.since < giveUpAfterMs) return this.#after(RETRY_MS, outage, progress);
        const lost = `calls inside an outage could not be recovered from call records: ${message}`;
        return this.#end(outage, progress, { severity: 'error', message: lost });
      }
    }
    progress.attempt += 1;
    const next = delaysMs[progress.attempt];
    if (next !== undefined) {
      return this.#after(Math.max(0, progress.since + next - performance.now()), outage, progress);
    }
    const message = `${progress.recovered} calls inside an outage were recovered from call records`;
    this.#end(outage, progress, { severity: 'info', message });
  }

  #end(outage: Outage, { isQuiet, recovered }: Progress, told: { severity: 'info' | 'error'; message: string }): void {
    if (this.#isStopped) return;
    this.#unhealed.delete(outage);
    if (isQuiet && recovered === 0) return;
    this.#deps.errors.logError('recovery', told.severity, told.message, isoOf(outage));
    this.#deps.healed(outage);
  }

  /** Said once for all outages and passes until the records can be read again. */
  #explain(message: string): void {
    const level = this.#isFailing ? 'debug' : 'warn';
    this.#isFailing = true;
    this.#deps.logger[level](`calls inside an outage cannot be recovered yet: ${message}`);
  }

  async #recover({ from, to }: Outage, isLast: boolean): Promise<number> {
    const { source, claimed, recover } = this.#deps;
    let recovered = 0;
    let restedAt = performance.now();
    for await (const cdr of source.queryCDR(new Date(from - MARGIN_MS), new Date(to))) {
      if (performance.now() - restedAt > BUSY_MS) {
        await setImmediate();
        restedAt = performance.now();
      }
      if (this.#isStopped) return recovered;
      const record = readRecordedCall(cdr);
      if (!record || claimed.has(record.callHistoryId) || !this.#isUnseen(record, { from, to })) continue;
      // A chain without its end may still be a call in progress, as long as later rows can come; and one that goes on
      // behind the outage may yet ring a phone, where it is seen.
      const hasPassed = record.endedAt !== null && record.endedAt <= to + MARGIN_MS;
      if (!(record.isOver || (isLast && hasPassed)) || this.#isKnown(record)) continue;
      recover(record);
      recovered += 1;
    }
    return recovered;
  }

  /**
   * Whether all that call control would have shown of a call fell into the outage. A menu or a queue before, and a voice
   * mail behind it, are not shown: callers who waited when the line was lost are not less missed.
   */
  #isUnseen(record: RecordedCall, { from, to }: Outage): boolean {
    const shown = record.appearances.filter(({ dn, hasRung }) => hasRung && this.#deps.isMonitored(dn));
    return (
      shown.length > 0 &&
      shown.every(({ at, until }) => at >= from - MARGIN_MS && until !== null && until <= to + MARGIN_MS)
    );
  }

  #isKnown(record: RecordedCall): boolean {
    const { knownCalls, matcher } = this.#deps;
    for (const call of knownCalls()) if (matcher.isToldBy(call, record)) return true;
    return false;
  }

  #after(delayMs: number, outage: Outage, progress: Progress): void {
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#line = this.#line.then(() => this.#pass(outage, progress));
    }, delayMs);
    this.#timers.add(timer);
  }
}

function isoOf({ from, to }: Outage): { from: string; to: string } {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
