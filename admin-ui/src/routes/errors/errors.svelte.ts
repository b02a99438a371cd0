import type {
  AcknowledgeAnswer,
  AcknowledgeRequest,
  ErrorDetailAnswer,
  ErrorGroupAnswer,
  ErrorsAnswer,
} from '@3cx-relay/shared/wire/admin/errors.ts';
import { untrack } from 'svelte';
import type { AdminApi, Query } from '../../lib/api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../../lib/api/admin-problem.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';
import { rangeOf, type TimeRange } from '../../lib/components/time-range.ts';
import { countNewErrors, type NewError, type NewErrors } from '../../lib/live/new-errors.ts';

const PAGE = 50;
const PRESETS_ARE_READ_AT = 60_000;

export type ErrorState = 'open' | 'acknowledged' | 'all';

/** What the list is narrowed to, as the address has it. */
export interface ErrorFilter {
  readonly state: ErrorState;
  readonly severity: string | null;
  readonly component: string | null;
  readonly text: string | null;
  readonly range: TimeRange | null;
}

/**
 * Errors in groups, newest first. What is read stays as it is until somebody asks for more: of what comes meanwhile there
 * is a count, so that nothing moves under the pointer.
 */
export class Errors {
  readonly first: Loaded<ErrorsAnswer>;
  later = $state.raw<readonly ErrorGroupAnswer[]>([]);
  next = $state.raw<string | null>(null);
  isReadingOn = $state(false);
  selected = $state.raw<ReadonlySet<string>>(new Set());
  /** Why acknowledging failed. */
  problem = $state.raw<AdminProblem | null>(null);
  /** Of what came since, that which the list would show. */
  newCount = $state(0);
  /** So many came that not all of them were looked at. */
  isMoreNew = $state(false);
  /** Those that stood in the list at any time. */
  components = $state.raw<ReadonlySet<string>>(new Set());
  readonly #api: AdminApi;
  #filter: ErrorFilter;
  #seen = 0;

  constructor(api: AdminApi, filter: ErrorFilter) {
    this.#api = api;
    this.#filter = filter;
    this.first = new Loaded(signal => api.get('errors', { ...this.#query(), limit: PAGE }, signal));
  }

  get list(): readonly ErrorGroupAnswer[] {
    return [...(this.first.value?.errors ?? []), ...this.later];
  }

  /** Reads from the newest on; `seen` is the feed's count of what came until now. */
  async load(filter: ErrorFilter, seen: number): Promise<void> {
    this.#filter = filter;
    this.#seen = seen;
    this.newCount = 0;
    this.isMoreNew = false;
    await this.first.load();
    this.later = [];
    this.next = this.first.value?.next ?? null;
    this.#noteComponents();
    const known = new Set(this.list.map(({ id }) => id));
    this.selected = new Set([...untrack(() => this.selected)].filter(id => known.has(id)));
  }

  count(errors: NewErrors): void {
    const { count, isMore } = countNewErrors(errors, this.#seen, error => isWanted(error, this.#filter));
    this.newCount = count;
    this.isMoreNew = isMore;
  }

  async readOn(): Promise<void> {
    if (this.next === null || this.isReadingOn) return;
    this.isReadingOn = true;
    try {
      const page = await this.#api.get<ErrorsAnswer>('errors', { ...this.#query(), limit: PAGE, cursor: this.next });
      this.later = [...this.later, ...page.errors];
      this.next = page.next;
      this.#noteComponents();
    } catch (error) {
      this.first.problem = toAdminProblem(error);
    } finally {
      this.isReadingOn = false;
    }
  }

  select(ids: readonly string[], isSelected: boolean): void {
    const selected = new Set(this.selected);
    for (const id of ids) {
      if (isSelected) selected.add(id);
      else selected.delete(id);
    }
    this.selected = selected;
  }

  /** Those named, or all open ones that match. @throws AdminProblem */
  async acknowledge(
    which: 'matching' | readonly string[],
  ): Promise<{ readonly count: number; readonly incomplete: string | null }> {
    const { severity, component, text, range } = this.#filter;
    const { from, to } = range ? rangeOf(range, Date.now()) : { from: null, to: null };
    const body: AcknowledgeRequest =
      which === 'matching'
        ? {
            matching: {
              ...(severity ? { severity: severity.split(',') as never } : {}),
              ...(component ? { component: [component] } : {}),
              ...(text ? { text } : {}),
              ...(from ? { from: new Date(from).toISOString(), to: new Date(to).toISOString() } : {}),
            },
          }
        : { ids: [...which] };
    const { acknowledged, incomplete } = await this.#api.post<AcknowledgeAnswer>('errors/acknowledge', body);
    this.selected = new Set();
    return { count: acknowledged.length, incomplete };
  }

  /** Address of everything that matches, as a file. */
  exportHref(format: 'csv' | 'ndjson'): string {
    return this.#api.href('errors', { ...this.#query(), format });
  }

  detail(id: string): Loaded<ErrorDetailAnswer> {
    return new Loaded(signal => this.#api.get(`errors/${id}`, {}, signal));
  }

  #noteComponents(): void {
    const all = new Set([...untrack(() => this.components), ...this.list.map(({ component }) => component)]);
    if (all.size > untrack(() => this.components.size)) this.components = all;
  }

  #query(): Query {
    const { state, severity, component, text, range } = this.#filter;
    const times = range ? rangeOf(range, Math.ceil(Date.now() / PRESETS_ARE_READ_AT) * PRESETS_ARE_READ_AT) : null;
    return {
      ...{ severity, component, text },
      acknowledged: state === 'all' ? null : state === 'acknowledged',
      from: times && new Date(times.from),
      to: times && new Date(times.to),
    };
  }
}

/** As the relay narrows the list; a range that is over gets no new ones. */
function isWanted(error: NewError, { state, severity, component, text, range }: ErrorFilter): boolean {
  if (state === 'acknowledged' || (range !== null && rangeOf(range, Date.now()).to < Date.now())) return false;
  return (
    (!severity || severity.split(',').includes(error.severity)) &&
    (!component || component.split(',').includes(error.component)) &&
    (!text || error.message.toLowerCase().includes(text.toLowerCase()))
  );
}
