import type { CallStatistics } from '@3cx-relay/shared/wire/history.ts';
import type { AdminApi, Query } from '../../lib/api/admin-api.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';
import { type FixedRange, rangeOf } from '../../lib/components/time-range.ts';
import type { CallFilters } from './call-filters.ts';
import { type Period, sumById, sumCalls } from './periods.ts';

export type Party = 'dn' | 'queue';

const PATH = 'relay/history/statistics';
const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Answer {
  readonly periods: readonly CallStatistics[];
}

/** Sums of the calls that the filters leave, as far as sums know the filters: time, direction, extension, queue. */
export class Statistics {
  readonly #api: AdminApi;
  #filters: CallFilters | null = null;
  #by: Period = 'day';
  #party: Party = 'dn';

  constructor(api: AdminApi) {
    this.#api = api;
  }

  readonly overall = new Loaded(async signal => {
    const { range, query } = this.#asked(Date.now());
    const { periods } = await this.#api.get<Answer>(PATH, { ...query, by: this.#by }, signal);
    return { range, by: this.#by, periods, sums: sumCalls(periods) };
  });

  readonly parties = new Loaded(async signal => {
    const { query } = this.#asked(Date.now());
    const { dn, queue, ...others } = query;
    // Those of the filter, if it is the same kind, else each that had calls.
    const ids = this.#party === 'dn' ? { dn } : { queue };
    // The coarsest periods are the fewest rows; they are summed up in any case.
    const asked = { ...others, ...ids, of: this.#party, by: 'month' };
    const { periods } = await this.#api.get<Answer>(PATH, asked, signal);
    return { party: this.#party, rows: sumById(periods) };
  });

  show(filters: CallFilters, by: Period, party: Party): void {
    this.#filters = filters;
    this.#by = by;
    this.#party = party;
    void this.overall.load();
    void this.parties.load();
  }

  stop(): void {
    this.overall.stop();
    this.parties.stop();
  }

  #asked(now: number): { range: FixedRange; query: Query } {
    if (!this.#filters) throw new Error('show comes first');
    const { dn, queue, direction } = this.#filters;
    const range = rangeOf(this.#filters.range, now);
    return {
      range,
      query: {
        ...{ from: new Date(range.from), to: new Date(range.to), timeZone: TIME_ZONE },
        ...{ dn, queue: dn === '' ? queue : '', direction },
      },
    };
  }
}

/** What of the filters the sums know nothing of, in words; null when they know all. */
export function unknownToSums({ dn, queue, number, disposition }: CallFilters): string | null {
  const names = [number && 'number', disposition && 'result', dn && queue && 'queue'].filter(name => name !== '');
  if (names.length === 0) return null;
  return `These figures are not narrowed by ${names.join(' and ')}.`;
}
