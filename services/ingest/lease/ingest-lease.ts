import { randomBytes } from 'node:crypto';
import {
  askForLease,
  type LeaseAnswer,
  type LeaseHolder,
  readLease,
  releaseLease,
} from '@3cx-relay/shared/log/ingest-lease.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import type { LeaseOwner } from './lease-owner.ts';

/**
 * Of several ingests for one PBX one has the lease and writes; the others watch it, and one of them takes it when it has
 * stood still for as long as it is good.
 *
 * - The holder renews it several times within that. It trusts it from the moment of asking on, by its own monotonic
 *   clock, and asks anew before an append when that time is over: a process that was frozen finds out before it writes.
 * - A standby counts from the moment at which it saw the last renewal, which is later, and only for as long as Redis
 *   answers it. Where Redis was away it begins anew: the holder, which spools meanwhile, has to come back, too. Where
 *   Redis lost the lease it waits as long, and the holder has it again at its next renewal.
 * - The first question of a process is answered at once, unless another owner has the lease: nobody who is alone waits.
 *   Where Redis answers and takes no write, nobody can take the lease, and who was alone may listen and spool; whether it
 *   may append is asked when Redis takes writes again.
 *
 * What remains possible, and what then happens: clocks that run at different speeds, or a machine that was suspended as a
 * whole and whose monotonic clock did not go on, let the former holder append once more. That append fails inside Redis
 * (append.lua), as it carries a run that has the lease no more. Between its last append and that moment the former holder
 * goes on listening to the PBX and may execute a command it was given; neither writes an event twice. An append goes past
 * a taken lease only where Redis itself has lost both, the taking and the lease, and until the holder's next renewal.
 */
export interface LeaseOptions {
  readonly leaseMs: number;
  readonly host: string;
  readonly pid: number;
}

export interface LeaseDeps {
  readonly redis: Redis;
  readonly keys: Pick<LogKeys, 'ingestLease'>;
  readonly owner: LeaseOwner;
  readonly logger: Logger;
  readonly now?: () => number;
}

export interface LeaseWatcher {
  /** `before`: the host of another owner that had it last. Called in the turn of the answer, as the other. */
  readonly onTaken: (lease: { term: string; run: string; before: string | null }) => void;
  /** Another one has it: nothing is to be appended from here on. */
  readonly onStandby: (holder: LeaseHolder | null) => void;
}

/** Of the time for which the lease is good. */
const RENEW_SHARE = 0.3;
const LOOK_SHARE = 0.1;
const RELEASE_MS = 500;

export class IngestLease {
  readonly #options: LeaseOptions;
  readonly #deps: LeaseDeps;
  readonly #now: () => number;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #watcher: LeaseWatcher | null = null;
  #mode: 'first' | 'holder' | 'standby' = 'first';
  #run = newRun();
  #since = '';
  #beat = 0;
  #validUntil = Number.NEGATIVE_INFINITY;
  #holder: LeaseHolder | null = null;
  /** What stands in Redis, since when, and how long it must stand. */
  #watched: { readonly stands: string; readonly since: number; readonly forMs: number } | null = null;
  #asking: Promise<void> | null = null;
  #isSameOwner = false;
  /** Holder without a word of Redis. */
  #isAssumed = false;
  readonly #onReady = () => this.#wake.abort();

  constructor(options: LeaseOptions, deps: LeaseDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#now = deps.now ?? (() => performance.now());
  }

  get isHolder(): boolean {
    return this.#mode === 'holder';
  }

  get isStandby(): boolean {
    return this.#mode === 'standby';
  }

  /** No round trip: whether the last renewal is young enough to append on. */
  get isCertain(): boolean {
    return this.#now() < this.#validUntil;
  }

  /** Of the run that has the lease. */
  get run(): string {
    return this.#run;
  }

  /** The other one that has it; null while this one has it, or nobody knows. */
  get holder(): LeaseHolder | null {
    return this.#holder;
  }

  /** Why this ingest does not write, as a sentence; null while it does. */
  get standbyReason(): string | null {
    if (this.#mode === 'holder') return null;
    if (this.#mode === 'first') return 'Redis has not said yet which ingest writes';
    if (this.#holder === null) return 'standby: waits for the ingest that wrote before Redis lost the lease';
    const { host, pid, since } = this.#holder;
    const reason = `standby: ingest on ${host} (pid ${pid}) writes since ${since}`;
    return this.#isSameOwner ? `${reason}, with a copy of this SPOOL_DIR: give each a folder of its own` : reason;
  }

  start(watcher: LeaseWatcher): void {
    this.#watcher = watcher;
    this.#deps.redis.on('ready', this.#onReady);
    void this.#loop();
  }

  /**
   * Asks Redis who has the lease; for an append whose lease is not certain any more, and for one that was fenced.
   *
   * @throws OperatorError `LEASE_LOST`, after `onStandby`. @throws while Redis is away
   */
  async confirm(): Promise<void> {
    // The answer to an older question may be from before a freeze.
    await this.#asking?.catch(() => undefined);
    await this.#ask();
    if (this.#mode !== 'holder') throw new OperatorError('LEASE_LOST', this.standbyReason ?? 'the lease was lost');
    if (!this.isCertain) throw new Error('Redis took longer to renew the lease than it is good for');
  }

  /** Asks no more. With `isReleased` the next one need not wait. */
  async stop({ isReleased }: { isReleased: boolean }): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    this.#deps.redis.off('ready', this.#onReady);
    if (!isReleased || this.#mode !== 'holder') return;
    // A Redis that is away keeps it, and this owner goes on at its next start, others when it has stood still.
    await within(RELEASE_MS, releaseLease(this.#deps, this.#run)).catch(() => undefined);
  }

  async #loop(): Promise<void> {
    const { leaseMs } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const isAnswered = await this.#ask().then(
        () => true,
        () => false,
      );
      const isRested = isAnswered && this.#mode === 'holder';
      await sleep(leaseMs * (isRested ? RENEW_SHARE : LOOK_SHARE), this.#wake.signal);
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#askNow().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askNow(): Promise<void> {
    const { owner } = this.#deps;
    const askedAt = this.#now();
    const stoodStill = this.#stoodStill(askedAt);
    this.#beat += 1;
    if (this.#mode !== 'holder') this.#since = new Date().toISOString();
    try {
      const answer = await askForLease(this.#deps, {
        ...this.#options,
        mode: this.#isAssumed ? 'first' : this.#mode,
        run: this.#run,
        owner: owner.id,
        term: owner.term,
        newTerm: newRun(),
        stoodStill,
        since: this.#since,
        beat: this.#beat,
      });
      if (this.#stopping.signal.aborted) return;
      if (answer.isGranted) this.#granted(answer, askedAt);
      else this.#refused(answer);
    } catch (error) {
      this.#watched = null;
      this.#deps.logger.debug({ err: error }, 'Redis does not say who has the lease');
      if (this.#mode === 'first' && error instanceof Error && error.name === 'ReplyError') await this.#assume();
      throw error;
    }
  }

  #stoodStill(at: number): string | null {
    if (this.#watched === null || at - this.#watched.since < this.#watched.forMs) return null;
    return this.#watched.stands;
  }

  #granted({ term, before }: Extract<LeaseAnswer, { isGranted: true }>, askedAt: number): void {
    this.#validUntil = askedAt + this.#options.leaseMs;
    this.#watched = null;
    this.#holder = null;
    if (this.#isAssumed) this.#deps.owner.keepTerm(term);
    this.#isAssumed = false;
    if (this.#mode === 'holder') return;
    this.#mode = 'holder';
    this.#watcher?.onTaken({ term, run: this.#run, before });
  }

  async #assume(): Promise<void> {
    const { owner } = this.#deps;
    const found = await readLease(this.#deps).catch(() => undefined);
    if (found === undefined || this.#stopping.signal.aborted) return;
    const isOther = found !== null && found.owner !== owner.id;
    if (isOther && !found.isReleased) return;
    this.#isAssumed = true;
    this.#mode = 'holder';
    const term = isOther ? newRun() : (owner.term ?? newRun());
    this.#watcher?.onTaken({ term, run: this.#run, before: isOther ? found.host : null });
  }

  #refused({ stands, holder, isSameOwner }: Extract<LeaseAnswer, { isGranted: false }>): void {
    const hadIt = this.#mode === 'holder';
    const wasFirst = this.#mode === 'first';
    this.#mode = 'standby';
    this.#isAssumed = false;
    this.#validUntil = Number.NEGATIVE_INFINITY;
    this.#holder = holder;
    this.#isSameOwner = isSameOwner;
    if (stands !== this.#watched?.stands) {
      const forMs = Math.max(this.#options.leaseMs, holder?.leaseMs ?? this.#watched?.forMs ?? 0);
      this.#watched = { stands, since: this.#now(), forMs };
    }
    if (hadIt) this.#run = newRun();
    if (hadIt || wasFirst) this.#watcher?.onStandby(holder);
  }
}

function newRun(): string {
  return randomBytes(8).toString('hex');
}
