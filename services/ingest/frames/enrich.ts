import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { EntityOutcome } from '../pbx/callcontrol/callcontrol-api.ts';

/**
 * Asks the PBX for the entity that an upsert named: side by side for different participants, one after the other for
 * the same one. The second rule keeps answers in order, because two GETs on two connections may be answered in any.
 *
 * Upserts of one participant share a GET only when it starts after the last of them arrived. One that was under way
 * when an upsert came may have been answered before the change it announces, so that upsert waits for the next.
 */
export interface EntityRequest {
  readonly dn: string;
  readonly id: number;
  /** True once the frame went on without its answer. */
  isGivenUp(): boolean;
  settle(outcome: EntityOutcome): void;
}

interface Job {
  readonly key: string;
  /** Served by the GET that has not started yet. */
  waiting: EntityRequest[];
  isRunning: boolean;
}

const RETRY_PAUSES_MS = [30, 90];

export class Enricher {
  readonly #concurrency: number;
  readonly #deadlineMs: number;
  readonly #get: (of: { dn: string; id: number }, signal: AbortSignal) => Promise<EntityOutcome>;
  readonly #errors: ErrorSink | undefined;
  readonly #jobs = new Map<string, Job>();
  readonly #ready = new Set<Job>();
  readonly #latency: Histogram;
  readonly #outcomes: Counter<'outcome'>;
  #active = 0;
  #isPaused = false;

  constructor(
    options: { concurrency: number; deadlineMs: number },
    deps: {
      get: (of: { dn: string; id: number }, signal: AbortSignal) => Promise<EntityOutcome>;
      errors?: ErrorSink;
      registry: Registry;
    },
  ) {
    this.#concurrency = options.concurrency;
    this.#deadlineMs = options.deadlineMs;
    this.#get = deps.get;
    this.#errors = deps.errors;
    const registers = [deps.registry];
    this.#latency = new Histogram({
      name: 'relay_pbx_entity_seconds',
      help: 'Time of one entity GET at the PBX',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    });
    this.#outcomes = new Counter({
      name: 'relay_pbx_entities_total',
      help: 'Entity GETs by outcome',
      labelNames: ['outcome'],
      registers,
    });
  }

  request(request: EntityRequest): void {
    const key = `${request.dn}/${request.id}`;
    let job = this.#jobs.get(key);
    if (!job) {
      job = { key, waiting: [], isRunning: false };
      this.#jobs.set(key, job);
    }
    job.waiting.push(request);
    if (!job.isRunning) this.#ready.add(job);
    this.#startReady();
  }

  /** Holds GETs back: an answer from before a snapshot must not be applied after it. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#startReady();
  }

  #startReady(): void {
    if (this.#isPaused) return;
    for (const job of this.#ready) {
      if (this.#active >= this.#concurrency) return;
      this.#ready.delete(job);
      const requests = job.waiting.filter(request => !request.isGivenUp());
      job.waiting = [];
      const first = requests[0];
      if (first) void this.#run(job, first, requests);
      else this.#jobs.delete(job.key);
    }
  }

  /** A PBX that stumbles for a moment is asked again while the frame can wait. */
  async #ask(of: EntityRequest, signal: AbortSignal): Promise<EntityOutcome> {
    let failure: string | null = null;
    for (const pauseMs of RETRY_PAUSES_MS) {
      const outcome = await this.#get({ dn: of.dn, id: of.id }, signal);
      if (outcome.kind !== 'failed') return this.#tell(of, outcome, failure);
      failure = outcome.message;
      await sleep(pauseMs, signal);
      if (signal.aborted) return this.#tell(of, outcome, failure);
    }
    return this.#tell(of, await this.#get({ dn: of.dn, id: of.id }, signal), failure);
  }

  /** One that is refused is the choice of DNs in the PBX, and no failure. */
  #tell({ dn, id }: EntityRequest, outcome: EntityOutcome, failure: string | null): EntityOutcome {
    const tell = (severity: 'error' | 'warning', message: string) =>
      this.#errors?.logError('callcontrol', severity, message, { dn, participant: id });
    if (outcome.kind === 'failed' || outcome.kind === 'deadline') {
      const reason = outcome.kind === 'failed' ? outcome.message : (failure ?? `no answer in ${this.#deadlineMs} ms`);
      tell('error', `the PBX did not tell of a participant: ${reason}`);
    } else if (failure !== null) {
      tell('warning', `the PBX told of a participant only when it was asked again: ${failure}`);
    }
    return outcome;
  }

  async #run(job: Job, of: EntityRequest, requests: readonly EntityRequest[]): Promise<void> {
    this.#active += 1;
    job.isRunning = true;
    const startedAt = performance.now();
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#deadlineMs);
    const outcome = await this.#ask(of, abort.signal);
    clearTimeout(timer);
    this.#latency.observe((performance.now() - startedAt) / 1_000);
    this.#outcomes.inc({ outcome: outcome.kind });
    this.#active -= 1;
    job.isRunning = false;
    if (job.waiting.length > 0) this.#ready.add(job);
    else this.#jobs.delete(job.key);
    for (const request of requests) request.settle(outcome);
    this.#startReady();
  }
}
