import type {
  Connection,
  ConnectionHistory,
  ConnectionsAnswer,
  ReconnectAnswer,
} from '@3cx-relay/shared/wire/admin/connections.ts';
import type { AdminApi } from '../../lib/api/admin-api.ts';
import { toAdminProblem } from '../../lib/api/admin-problem.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';
import { formatLatency } from '../../lib/format/numbers.ts';
import { formatSpan } from '../../lib/format/time.ts';
import { sentence, type Tone } from '../../lib/format/words.ts';

const EVERY_MS = 5_000;
const HISTORY_DAYS = 7;
const DAY_MS = 86_400_000;

/** What came of a reconnect, in words, for as long as the page is there. */
export interface Outcome {
  readonly tone: Tone;
  readonly text: string;
}

/** The connections as they are and were; those of the PBX can be told to begin anew. */
export class Connections {
  readonly list: Loaded<ConnectionsAnswer>;
  /** Of components that are being reconnected. */
  running = $state.raw<ReadonlySet<string>>(new Set());
  outcomes = $state.raw<Readonly<Record<string, Outcome>>>({});
  readonly #api: AdminApi;

  constructor(api: AdminApi) {
    this.#api = api;
    this.list = new Loaded(signal => api.get('connections', { history: 1 }, signal));
  }

  start(): () => void {
    return this.list.keepLoading(EVERY_MS);
  }

  async reconnect({ component }: Connection): Promise<void> {
    if (this.running.has(component)) return;
    this.running = new Set([...this.running, component]);
    this.#tell(component, { tone: 'calm', text: 'Closing and opening it anew…' });
    try {
      const answer = await this.#api.post<ReconnectAnswer>(`connections/${component}/reconnect`);
      this.#tell(component, wordsOf(answer));
    } catch (error) {
      this.#tell(component, { tone: 'bad', text: sentence(toAdminProblem(error).message) });
    } finally {
      this.running = new Set([...this.running].filter(name => name !== component));
      void this.list.load();
    }
  }

  #tell(component: string, outcome: Outcome): void {
    this.outcomes = { ...this.outcomes, [component]: outcome };
  }
}

function wordsOf({ outcome, state, latencyMs, error, tookMs }: ReconnectAnswer): Outcome {
  const took = `after ${tookMs < 1_000 ? formatLatency(tookMs) : formatSpan(tookMs)}`;
  if (outcome === 'done') {
    const latency = latencyMs === null ? '' : `, answers in ${formatLatency(latencyMs)}`;
    return { tone: state === 'up' ? 'ok' : 'warn', text: `Connected again ${took}${latency}.` };
  }
  return { tone: 'bad', text: `Not connected ${took}: ${sentence(error ?? 'no reason was given')}` };
}

/** What a component has been through, a page of changes after the other. */
export class ComponentHistory {
  readonly latest: Loaded<ConnectionHistory>;
  older = $state.raw<ConnectionHistory['changes']>([]);
  next = $state.raw<string | null>(null);
  isReadingOn = $state(false);
  readonly #api: AdminApi;
  readonly #component: string;
  readonly #from = new Date(Date.now() - HISTORY_DAYS * DAY_MS);

  constructor(api: AdminApi, component: string) {
    this.#api = api;
    this.#component = component;
    this.latest = new Loaded(signal => this.#read({}, signal));
  }

  async load(): Promise<void> {
    await this.latest.load();
    this.older = [];
    this.next = this.latest.value?.next ?? null;
  }

  async readOn(): Promise<void> {
    if (this.next === null || this.isReadingOn) return;
    this.isReadingOn = true;
    try {
      const page = await this.#read({ before: this.next });
      this.older = [...this.older, ...page.changes];
      this.next = page.next;
    } catch (error) {
      this.latest.problem = toAdminProblem(error);
    } finally {
      this.isReadingOn = false;
    }
  }

  #read(more: { before?: string }, signal?: AbortSignal): Promise<ConnectionHistory> {
    return this.#api.get(`connections/${this.#component}/history`, { from: this.#from, limit: 50, ...more }, signal);
  }
}
