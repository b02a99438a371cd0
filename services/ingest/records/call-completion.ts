import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createBackoff } from '@3cx-relay/shared/runtime/retry.ts';
import { type Call, firstSightOf } from '../call-model/call.ts';
import type { CdrSource } from '../pbx/cdr.ts';
import { type Matcher, type Moment, momentsOf } from './match.ts';
import { type RecordedCall, readRecordedCall } from './recorded-call.ts';

/**
 * Looks for the records of calls that have ended. When a row becomes visible nobody knows (3cx.md §3.2), so it is asked
 * for several times after the end and then no more: but for a call that may go on at a phone which we do not see, whose row
 * comes when that conversation ends.
 * A last look that fails is no look: it is taken again, for as long as an outage of the records may last.
 *
 * The PBX's database serves the phones first: only the seconds around the starts of waiting calls are read, one query at
 * a time, and a database that takes long, or gives no records at all, is asked less often.
 */
export interface CallCompletionOptions {
  /** When to ask, in ms after the end of a call. */
  readonly delaysMs: readonly number[];
  /** Calls that may wait; of more than that the earliest go without. */
  readonly maxWaiting: number;
  /** How long after its end a call waits for records that cannot be read. */
  readonly giveUpAfterMs: number;
}

export interface CallCompletionDeps {
  readonly source: CdrSource;
  readonly matcher: Matcher;
  /** Records that are accounted for, shared with the healing of gaps: one chain completes one call. */
  readonly claimed: ReadonlyMap<string, number>;
  readonly complete: (call: Call, record: RecordedCall) => void;
  readonly logger: Logger;
}

/** Times are monotonic: a clock that is set must not put the questions off. */
interface Waiting {
  readonly call: Call;
  readonly endedAt: number;
  attempt: number;
  dueAt: number;
  /** At the last look its chain was undecided. */
  isPutOff: boolean;
}

/** Clocks of phones and database are the PBX's own; our sight of a call comes a little later than its row. */
const AROUND_START_MS = 6_000;
/** A call that was first seen in a snapshot began at some time before: so far back its records are looked for. */
const UNSEEN_START_MS = 900_000;
/** Starts so near to each other are read in one query. */
const MERGE_MS = 30_000;
/** Calls that fall due a little later are looked up in the same queries. */
const TOGETHER_MS = 2_000;
/** Looks after which nothing better is expected. */
const PATIENT_ATTEMPTS = 2;
/** When an undecided chain is looked at again, in ms after the end of the call; at the last it is taken as it is. */
const LATE_LOOKS_MS = [300_000, 900_000, 3_600_000];
/** How long nobody asks after a look that failed, whose calls then come together. */
const RETRY = { firstMs: 1_000, maxMs: 30_000 };
/** Of the time, the share that the database may be busy with us. */
const MAX_SHARE = 0.05;

export class CallCompletion {
  readonly #options: CallCompletionOptions;
  readonly #deps: CallCompletionDeps;
  readonly #looksMs: readonly number[];
  readonly #waiting = new Map<string, Waiting>();
  readonly #stopping = new AbortController();
  readonly #backoff = createBackoff(RETRY);
  #timer: NodeJS.Timeout | undefined;
  /** When the timer comes; looking for the earliest at every end of a call would cost more than the call. */
  #armedFor = Number.POSITIVE_INFINITY;
  #restUntil = 0;
  #isRunning = false;

  constructor(options: CallCompletionOptions, deps: CallCompletionDeps) {
    this.#options = options;
    this.#deps = deps;
    const lastRegularMs = options.delaysMs.at(-1) ?? 0;
    this.#looksMs = [...options.delaysMs, ...LATE_LOOKS_MS.filter(ms => ms > lastRegularMs)];
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  ended(call: Call): void {
    const [firstDelay] = this.#options.delaysMs;
    if (firstDelay === undefined) return;
    const endedAt = performance.now();
    const dueAt = endedAt + firstDelay;
    this.#waiting.set(call.callId, { call, endedAt, attempt: 0, dueAt, isPutOff: false });
    if (this.#waiting.size > this.#options.maxWaiting) this.#waiting.delete(this.#waiting.keys().next().value ?? '');
    if (dueAt < this.#armedFor) this.#arm();
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#isRunning || this.#stopping.signal.aborted || this.#waiting.size === 0) return;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting.values()) dueAt = Math.min(dueAt, waiting.dueAt);
    clearTimeout(this.#timer);
    this.#armedFor = Math.max(dueAt, this.#restUntil);
    const waitMs = this.#armedFor - performance.now();
    this.#timer = setTimeout(() => void this.#look(), Math.max(1, waitMs));
  }

  async #look(): Promise<void> {
    this.#isRunning = true;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const startedAt = performance.now();
    const due = [...this.#waiting.values()].filter(waiting => waiting.dueAt <= startedAt + TOGETHER_MS);
    let retryInMs = 0;
    try {
      for (const span of spansOf(due)) {
        if (this.#stopping.signal.aborted) return;
        this.#assign(due, await this.#read(span));
      }
      this.#backoff.reset();
    } catch (error) {
      const level = this.#backoff.attempts === 0 ? 'warn' : 'debug';
      this.#deps.logger[level](`call records cannot be read, calls wait for them: ${messageOf(error)}`);
      retryInMs = this.#backoff.next();
    }
    for (const waiting of due) this.#postpone(waiting, { hasFailed: retryInMs > 0 });
    const now = performance.now();
    this.#restUntil = now + Math.max(retryInMs, (now - startedAt) / MAX_SHARE);
    this.#isRunning = false;
    this.#arm();
  }

  async #read({ from, to }: Span): Promise<Moment[]> {
    const records: RecordedCall[] = [];
    for await (const cdr of this.#deps.source.queryCDR(new Date(from), new Date(to))) {
      const record = readRecordedCall(cdr);
      if (record && !this.#deps.claimed.has(record.callHistoryId)) records.push(record);
    }
    return momentsOf(records);
  }

  /** The nearest pairs first, so that of two calls between the same people each gets its own records. */
  #assign(due: readonly Waiting[], moments: readonly Moment[]): void {
    const { matcher } = this.#deps;
    const lastAttempt = this.#options.delaysMs.length - 1;
    const pairs = due.flatMap(waiting =>
      [...matcher.candidatesFor(waiting.call, moments)].flatMap(record => {
        const isLast = waiting.attempt >= lastAttempt;
        const distance = isLast
          ? matcher.startDistanceOf(waiting.call, record)
          : matcher.distanceOf(waiting.call, record);
        return distance === null ? [] : [{ waiting, record, distance }];
      }),
    );
    pairs.sort((one, other) => one.distance - other.distance);
    // What waits for its end keeps its pair: a call must not take the next best records meanwhile.
    const putOff = new Set<string>();
    for (const { waiting, record } of pairs) {
      const { callId } = waiting.call;
      if (!this.#waiting.has(callId) || this.#deps.claimed.has(record.callHistoryId)) continue;
      // Rows come late: of a chain without its end, and where only the moment of the first sight speaks for a match,
      // a better one may still appear.
      if (!record.isOver && waiting.attempt < lastAttempt) continue;
      if (waiting.call.startedAt === null && waiting.attempt < Math.min(PATIENT_ATTEMPTS, lastAttempt)) continue;
      if (putOff.has(callId) || putOff.has(record.callHistoryId)) continue;
      if (record.isUndecided && waiting.attempt < this.#looksMs.length - 1) {
        putOff.add(callId).add(record.callHistoryId);
        waiting.isPutOff = true;
        continue;
      }
      this.#waiting.delete(callId);
      this.#deps.complete(waiting.call, record);
    }
  }

  #postpone(waiting: Waiting, { hasFailed }: { hasFailed: boolean }): void {
    const { delaysMs, giveUpAfterMs } = this.#options;
    const isLast = waiting.attempt >= delaysMs.length - 1;
    if (hasFailed && isLast && performance.now() - waiting.endedAt < giveUpAfterMs) return;
    waiting.attempt += 1;
    const delay = this.#looksMs[waiting.attempt];
    const isRegular = waiting.attempt < delaysMs.length;
    if (delay === undefined || !(isRegular || waiting.isPutOff)) this.#waiting.delete(waiting.call.callId);
    else waiting.dueAt = waiting.endedAt + delay;
  }
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function spansOf(due: readonly Waiting[]): Span[] {
  const wanted = due.map(({ call }) => spanOf(call)).sort((one, other) => one.from - other.from);
  const spans: { from: number; to: number }[] = [];
  for (const span of wanted) {
    const last = spans.at(-1);
    if (last && span.from - last.to <= MERGE_MS) last.to = Math.max(last.to, span.to);
    else spans.push({ ...span });
  }
  return spans;
}

function spanOf(call: Call): Span {
  const sight = firstSightOf(call.callId);
  const start = call.startedAt === null ? sight - UNSEEN_START_MS : Date.parse(call.startedAt);
  return { from: start - AROUND_START_MS, to: Math.max(start, sight) + AROUND_START_MS };
}
