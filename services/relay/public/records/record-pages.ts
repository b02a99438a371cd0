import { MAX_PAGE_RECORDS, type RecordCursor } from '@3cx-relay/shared/jobs/record-page.ts';
import { type DnScope, isInScope } from '../../keys/dn-scope.ts';
import type { RecordKind, RecordPage, RecordQueue } from './record-kinds.ts';
import type { RecordsQuery } from './records-query.ts';

export interface RecordPageReader<Record> {
  /** True while the PBX is asked: a client that gets nothing then is not to blame. */
  readonly isReading: boolean;
  /** Records that were handed out. */
  readonly count: number;
  /** @throws ProblemError */
  read(cursor: RecordCursor | null, limit: number): Promise<RecordPage<Record>>;
  /** The page and all behind it, each asked for when the one before was taken. */
  from(first: RecordPage<Record>): AsyncGenerator<RecordPage<Record>, void, undefined>;
}

/** Records that a stream asks for at once: as many as one job carries. */
export const STREAM_PAGE = MAX_PAGE_RECORDS;

export function createRecordPageReader<Record>(
  kind: RecordKind<Record>,
  deps: { queue: RecordQueue; timeoutMs: number; scope: DnScope | null },
  { fromMs, toMs, dns, numbers }: RecordsQuery,
): RecordPageReader<Record> {
  let isReading = false;
  let count = 0;
  const read = async (cursor: RecordCursor | null, limit: number): Promise<RecordPage<Record>> => {
    const { queue, timeoutMs, scope } = deps;
    isReading = true;
    try {
      const expiresAt = Date.now() + timeoutMs;
      // Ingest leaves the others out, so that neither the cursor nor the length of a page tells of them.
      const scopeDns = scope ? { scopeDns: [...scope] } : {};
      const asked = { fromMs, toMs, dns, numbers, ...scopeDns, limit, cursor, expiresAt };
      const page = await kind.ask(queue, asked, timeoutMs);
      return { ...page, records: page.records.filter(record => isInScope(kind.dnsOf(record), scope)) };
    } finally {
      isReading = false;
    }
  };
  return {
    get isReading() {
      return isReading;
    },
    get count() {
      return count;
    },
    read,
    async *from(first) {
      let page = first;
      for (;;) {
        count += page.records.length;
        yield page;
        if (!page.next) return;
        page = await read(page.next, STREAM_PAGE);
      }
    },
  };
}
