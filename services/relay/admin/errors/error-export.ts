import type { ErrorGroup } from '@3cx-relay/shared/errors/error-groups.ts';
import type { ErrorPage } from '@3cx-relay/shared/errors/error-page.ts';
import type { ErrorFilters } from '@3cx-relay/shared/errors/error-query.ts';
import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import { type CsvValue, csvLine } from '../../public/records/csv.ts';
import { toErrorAnswer } from './to-answer.ts';

/** All groups that match, a page at a time, each read when the client has taken the one before. */
export interface ErrorExport {
  lines(format: 'csv' | 'ndjson'): AsyncGenerator<string, void, undefined>;
  /** Rows handed on so far. */
  readonly count: number;
  /** True while the list is read: a client that gets nothing then is not to blame. */
  readonly isReading: boolean;
}

const PAGE_ROWS = 500;

/** Reads the first page at once: until then an error can still be an answer. */
export async function startErrorExport(
  tracker: Pick<ErrorTracker, 'getErrors'>,
  filters: ErrorFilters,
  now: () => number,
): Promise<ErrorExport> {
  const startedAt = now();
  const handedOn = new Set<string>();
  let isReading = false;
  let incomplete: string | null = null;
  const read = async (cursor?: string): Promise<ErrorPage> => {
    isReading = true;
    try {
      const page = await tracker.getErrors({ ...filters, limit: PAGE_ROWS, cursor });
      incomplete ??= page.incomplete;
      return page;
    } finally {
      isReading = false;
    }
  };
  const first = await read();

  /**
   * The list is sorted by the latest occurrence: a group that occurs again while its page is still to come jumps over the
   * place that is being read. So those that are newer than the beginning are looked at once more at the end.
   */
  async function* pages(): AsyncGenerator<readonly ErrorGroup[], void, undefined> {
    for (let page = first; ; page = await read(page.next)) {
      yield page.errors;
      if (page.next === null) break;
    }
    for (let page = await read(); ; page = await read(page.next)) {
      yield page.errors.filter(({ timestamp }) => timestamp.getTime() >= startedAt);
      if (page.next === null || (page.errors.at(-1)?.timestamp.getTime() ?? 0) < startedAt) return;
    }
  }

  return {
    get count() {
      return handedOn.size;
    },
    get isReading() {
      return isReading;
    },
    async *lines(format) {
      if (format === 'csv') yield csvLine(COLUMNS.map(([name]) => name));
      for await (const page of pages()) {
        const fresh = page.filter(({ id }) => !handedOn.has(id));
        for (const { id } of fresh) handedOn.add(id);
        if (fresh.length > 0) yield fresh.map(group => toLine(group, format)).join('');
      }
      // CSV has no place for it; whoever reads it by a program takes NDJSON.
      if (format === 'ndjson')
        yield `${JSON.stringify({ complete: incomplete === null, rows: handedOn.size, incomplete })}\n`;
    },
  };
}

type Column = readonly [name: string, value: (group: ReturnType<typeof toErrorAnswer>) => CsvValue];

const COLUMNS: readonly Column[] = [
  ['id', ({ id }) => id],
  ['timestamp', ({ timestamp }) => timestamp],
  ['first_seen', ({ firstSeen }) => firstSeen],
  ['severity', ({ severity }) => severity],
  ['component', ({ component }) => component],
  ['service', ({ service }) => service],
  ['count', ({ count }) => count],
  ['message', ({ message }) => message],
  ['acknowledged', ({ acknowledged }) => acknowledged],
  ['acknowledged_by', ({ acknowledgedBy }) => acknowledgedBy],
  ['acknowledged_at', ({ acknowledgedAt }) => acknowledgedAt],
  ['fingerprint', ({ fingerprint }) => fingerprint],
  ['details', ({ details }) => JSON.stringify(details)],
];

function toLine(group: ErrorGroup, format: 'csv' | 'ndjson'): string {
  const answer = toErrorAnswer(group);
  return format === 'csv' ? csvLine(COLUMNS.map(([, value]) => value(answer))) : `${JSON.stringify(answer)}\n`;
}
