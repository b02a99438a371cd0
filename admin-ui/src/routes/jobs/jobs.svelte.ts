import type {
  DeadLetterAnswer,
  DeadLettersAnswer,
  QueuesAnswer,
  RetryAnswer,
  RetryRequest,
} from '@3cx-relay/shared/wire/admin/queues.ts';
import type { AdminApi } from '../../lib/api/admin-api.ts';
import { toAdminProblem } from '../../lib/api/admin-problem.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';
import { formatCount } from '../../lib/format/numbers.ts';
import { sentence, type Tone } from '../../lib/format/words.ts';

const EVERY_MS = 5_000;
const PAGE = 25;

/** What the worker and ingest have to do, what of it failed, and what PostgreSQL refused. */
export class Jobs {
  readonly queues: Loaded<QueuesAnswer>;
  readonly letters: Loaded<DeadLettersAnswer>;
  olderLetters = $state.raw<readonly DeadLetterAnswer[]>([]);
  isBusy = $state(false);
  outcome = $state.raw<{ readonly tone: Tone; readonly text: string } | null>(null);
  readonly #api: AdminApi;
  /** Where the letters before the oldest that was read on go on; undefined while nobody has read on. */
  #nextOlder = $state.raw<number | null | undefined>(undefined);

  constructor(api: AdminApi) {
    this.#api = api;
    this.queues = new Loaded(signal => api.get('queues', {}, signal));
    this.letters = new Loaded(async signal => {
      // Who reads on keeps what he has: a newest page that moved would leave a hole before the older ones.
      if (this.#nextOlder !== undefined && this.letters.value) return this.letters.value;
      return api.get('dead-letters', { limit: PAGE }, signal);
    });
  }

  get nextLetters(): number | null {
    return this.#nextOlder === undefined ? (this.letters.value?.next ?? null) : this.#nextOlder;
  }

  start(): () => void {
    const stops = [this.queues.keepLoading(EVERY_MS), this.letters.keepLoading(EVERY_MS)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** The newest, and no older ones. */
  loadLetters(): Promise<void> {
    this.olderLetters = [];
    this.#nextOlder = undefined;
    return this.letters.load();
  }

  async readOnLetters(): Promise<void> {
    const before = this.nextLetters;
    if (before === null) return;
    await this.#act(async () => {
      const page = await this.#api.get<DeadLettersAnswer>('dead-letters', { limit: PAGE, before });
      this.olderLetters = [...this.olderLetters, ...page.deadLetters];
      this.#nextOlder = page.next;
      return null;
    });
  }

  retry(which: RetryRequest): Promise<void> {
    return this.#act(async () => {
      const { retried } = await this.#api.post<RetryAnswer>('queues/retry', which);
      void this.queues.load();
      if (retried === 0) return { tone: 'warn', text: 'It is gone, or was put back already.' };
      return { tone: 'ok', text: `${formatCount(retried)} put back into the queue.` };
    });
  }

  retryLetters(): Promise<void> {
    return this.#act(async () => {
      await this.#api.post('dead-letters/retry');
      void this.loadLetters();
      return { tone: 'ok', text: 'The worker tries them again now; what PostgreSQL takes is marked as resolved.' };
    });
  }

  async #act(act: () => Promise<Jobs['outcome']>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      this.outcome = await act();
    } catch (error) {
      this.outcome = { tone: 'bad', text: sentence(toAdminProblem(error).message) };
    } finally {
      this.isBusy = false;
    }
  }
}
