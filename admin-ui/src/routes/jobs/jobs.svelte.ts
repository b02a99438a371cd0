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
  nextLetters = $state.raw<number | null>(null);
  isBusy = $state(false);
  outcome = $state.raw<{ readonly tone: Tone; readonly text: string } | null>(null);
  readonly #api: AdminApi;

  constructor(api: AdminApi) {
    this.#api = api;
    this.queues = new Loaded(signal => api.get('queues', {}, signal));
    this.letters = new Loaded(signal => api.get('dead-letters', { limit: PAGE }, signal));
  }

  start(): () => void {
    void this.loadLetters();
    const stop = this.queues.keepLoading(EVERY_MS);
    return () => {
      stop();
      this.letters.stop();
    };
  }

  async loadLetters(): Promise<void> {
    await this.letters.load();
    this.olderLetters = [];
    this.nextLetters = this.letters.value?.next ?? null;
  }

  async readOnLetters(): Promise<void> {
    if (this.nextLetters === null) return;
    await this.#act(async () => {
      const page = await this.#api.get<DeadLettersAnswer>('dead-letters', { limit: PAGE, before: this.nextLetters });
      this.olderLetters = [...this.olderLetters, ...page.deadLetters];
      this.nextLetters = page.next;
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
