import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { Counter, type Registry } from 'prom-client';
import type { Call } from '../call-model/call.ts';
import type { CdrSource } from '../pbx/cdr.ts';
import { CallCompletion } from './call-completion.ts';
import { completeCall } from './complete-call.ts';
import { GapHealing, type Outage } from './gap-healing.ts';
import { createMatcher } from './match.ts';
import { parseRecovery, type RecoveryNotes, toFinalizedEntry, toRecoveredEntry } from './record-entry.ts';

/**
 * What the PBX's call records add to what call control shows: why a call ended and which number was called, for calls
 * that were watched; and the calls nobody watched, after an outage.
 */
export interface RecordsOptions {
  readonly delaysMs: readonly number[];
  readonly maxWaiting: number;
  readonly giveUpAfterMs: number;
  /** How far apart the same moment may be at the PBX and here. */
  readonly toleranceMs: number;
}

export interface RecordsDeps {
  readonly source: CdrSource;
  /** Puts an entry in its place between the frames. */
  readonly write: (entry: NewEntry) => void;
  readonly openCalls: () => Iterable<Call>;
  /** What an earlier process left: its notes, and the calls of its last entries. */
  readonly earlier: { readonly recovery: Readonly<Record<string, string>>; readonly recentCalls: readonly Call[] };
  readonly notes: RecoveryNotes;
  readonly errors: ErrorSink;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly now?: () => number;
}

/** What was seen and what was recovered is known for so long, and for as long as an outage is healed in which it was. */
const REMEMBER_MS = 3_600_000;
const FORGET_EVERY_MS = 600_000;
/** Frames without their entity come in swarms, when the PBX answers no GET: one look for all of them. */
const BLIND_TOGETHER_MS = 5_000;
/** So long after such a frame a snapshot was taken at the latest. */
const BLIND_LASTS_MS = 3_000;
/** Calls that ended lately; in an hour a busy office has a thousand. */
const MAX_RECENT = 5_000;

export class Records {
  readonly #deps: RecordsDeps;
  readonly #now: () => number;
  readonly #claimed: Map<string, number>;
  readonly #completion: CallCompletion;
  readonly #healing: GapHealing;
  readonly #forgetTimer: NodeJS.Timeout;
  readonly #pending: Outage[];
  #blind: { from: number; to: number } | null = null;
  #blindTimer: NodeJS.Timeout | undefined;
  #recent: Map<string, { readonly call: Call; readonly at: number }>;
  #monitored: ReadonlySet<string> = new Set();

  constructor(options: RecordsOptions, deps: RecordsDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    const { source, errors, logger } = deps;
    const { outages, taken } = parseRecovery(deps.earlier.recovery);
    this.#claimed = taken;
    this.#pending = outages;
    this.#recent = new Map(deps.earlier.recentCalls.map(call => [call.callId, { call, at: this.#now() }]));
    const matcher = createMatcher({ toleranceMs: options.toleranceMs });
    const registers = [deps.registry];
    const finalized = new Counter({
      name: 'relay_calls_finalized_total',
      help: 'Ended calls whose records were found at the PBX',
      registers,
    });
    const recovered = new Counter({
      name: 'relay_calls_recovered_total',
      help: 'Calls inside outages that were recovered from the PBX records',
      registers,
    });
    const claimed = this.#claimed;
    this.#completion = new CallCompletion(
      { delaysMs: options.delaysMs, maxWaiting: options.maxWaiting, giveUpAfterMs: options.giveUpAfterMs },
      {
        source,
        matcher,
        claimed,
        logger,
        complete: (call, record) => {
          claimed.set(record.callHistoryId, this.#now());
          finalized.inc();
          const completed = completeCall(call, record);
          const known = this.#recent.get(call.callId);
          if (known) this.#recent.set(call.callId, { call: completed, at: known.at });
          deps.write(toFinalizedEntry(this.#now(), completed));
        },
      },
    );
    this.#healing = new GapHealing(
      { delaysMs: options.delaysMs, giveUpAfterMs: options.giveUpAfterMs },
      {
        source,
        matcher,
        claimed,
        errors,
        logger,
        knownCalls: () => this.#knownCalls(),
        isMonitored: dn => this.#monitored.has(dn),
        recover: record => {
          claimed.set(record.callHistoryId, this.#now());
          recovered.inc();
          deps.write(toRecoveredEntry(this.#now(), record));
        },
        healed: outage => deps.notes.dropOutage(outage.from),
      },
    );
    // Those that an earlier process had waited for in vain when it ended.
    for (const call of deps.earlier.recentCalls) {
      if (call.state === 'ended' && call.cdr === null) this.#completion.ended(call);
    }
    this.#forgetTimer = setInterval(() => this.#forget(), FORGET_EVERY_MS).unref();
  }

  ended(call: Call): void {
    this.#recent.set(call.callId, { call, at: this.#now() });
    if (this.#recent.size > MAX_RECENT) this.#recent.delete(this.#recent.keys().next().value ?? '');
    this.#completion.ended(call);
  }

  /**
   * A frame told of a call that nobody knows, and its entity could not be had. When the PBX answers again it may be over:
   * then only its records tell of it.
   */
  unseen(at: number): void {
    if (this.#blind) {
      this.#blind.to = at;
      return;
    }
    this.#blind = { from: at, to: at };
    this.#blindTimer = setTimeout(() => this.#healBlind(), BLIND_TOGETHER_MS);
  }

  /** Healed once a snapshot has shown which calls are still there. */
  outage(outage: Outage): void {
    this.#pending.push(outage);
  }

  /** The PBX has shown its calls, and with them the DNs that concern us. */
  snapshotTaken(dns: readonly string[]): void {
    this.#monitored = new Set(dns);
    for (const outage of this.#pending.splice(0)) this.#healing.heal(outage);
  }

  stop(): void {
    clearInterval(this.#forgetTimer);
    clearTimeout(this.#blindTimer);
    this.#completion.stop();
    this.#healing.stop();
  }

  #healBlind(): void {
    if (!this.#blind) return;
    const { from, to } = this.#blind;
    this.#blind = null;
    // By then a snapshot has shown the calls that go on.
    this.#healing.heal({ from, to: to + BLIND_LASTS_MS }, { isQuiet: true });
  }

  *#knownCalls(): Generator<Call> {
    yield* this.#deps.openCalls();
    for (const { call } of this.#recent.values()) yield call;
  }

  #forget(): void {
    const unhealed = this.#pending.reduce((from, outage) => Math.min(from, outage.from), this.#healing.neededFrom);
    const before = Math.min(this.#now() - REMEMBER_MS, unhealed);
    for (const [callId, { at }] of this.#recent) if (at <= before) this.#recent.delete(callId);
    const old = [...this.#claimed].filter(([, at]) => at < before).map(([id]) => id);
    for (const id of old) this.#claimed.delete(id);
    this.#deps.notes.dropRecords(old);
  }
}
