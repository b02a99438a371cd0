import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import type { HistoryKind } from './history-kind.ts';

/** Entries of the log. `epochs` of their channel: a gap says behind which position it lies. */
export function eventsKind(epochs: readonly EpochStart[]): HistoryKind<LogEntry> {
  return {
    name: 'events',
    columns: [
      { name: 'id', type: 'text', value: formatPosition },
      { name: 'at', type: 'time', value: ({ at }) => new Date(at).toISOString() },
      { name: 'type', type: 'text', value: ({ type }) => type },
      { name: 'event', type: 'text', value: ({ event }) => event },
      { name: 'dn', type: 'text', value: ({ dn }) => dn },
      { name: 'callId', type: 'text', value: ({ call }) => call },
      { name: 'body', type: 'json', value: ({ body }) => body },
    ],
    toJson: entry => messageText(entry, epochs),
    cursorOf: formatPosition,
  };
}
