import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { StoredCall } from '@3cx-relay/shared/wire/history.ts';
import { CALLS } from '../../../services/relay/public/history/calls-kind.ts';
import { eventsKind } from '../../../services/relay/public/history/events-kind.ts';
import { startExport } from '../../../services/relay/public/history/export.ts';
import type { HistoryKind, ReadHistory } from '../../../services/relay/public/history/history-kind.ts';
import type { HistorySources } from '../../../services/relay/public/history/history-sources.ts';
import type { HistoryQuery } from './measure.ts';

const ROWS = 100_000;
const TARGET_MS = 10_000;

/** Through the relay's reader, each row to its line of NDJSON. */
export function exportQueries({ events, calls }: Pick<HistorySources, 'events' | 'calls'>): HistoryQuery[] {
  const scoped = { scope: null } as const;
  const byEvents = eventsKind([]);
  return [
    exported<LogEntry>('export of events', byEvents, events({ channel: 'calls', ...scoped })),
    exported<LogEntry>(
      'export of events of an extension',
      byEvents,
      events({ channel: 'calls', dn: ['101'], ...scoped }),
    ),
    exported<StoredCall>('export of calls', CALLS, calls(scoped)),
  ];
}

function exported<Row>(name: string, kind: HistoryKind<Row>, read: ReadHistory<Row>): HistoryQuery {
  return {
    name,
    target: TARGET_MS,
    async run() {
      const bounds = { after: null, before: null, newestFirst: false };
      const all = await startExport({ read, cursorOf: kind.cursorOf, bounds, limit: ROWS });
      let bytes = 0;
      for await (const rows of all.pages()) for (const row of rows) bytes += kind.toJson(row).length;
      if (bytes === 0) throw new Error('nothing was exported');
      return all.count;
    },
  };
}
