import type { StoredCall } from '@3cx-relay/shared/wire/history.ts';
import type { Column, HistoryKind } from './history-kind.ts';

const text = (name: keyof StoredCall & string): Column<StoredCall> => ({
  name,
  type: 'text',
  value: call => call[name] as string | null,
});
const time = (name: 'startedAt' | 'ringingAt' | 'answeredAt' | 'endedAt'): Column<StoredCall> => ({
  name,
  type: 'time',
  value: call => call[name],
});
const milliseconds = (name: 'ringMs' | 'talkMs'): Column<StoredCall> => ({
  name,
  type: 'integer',
  value: call => call[name],
});
/** A party's fields stand beside the others: `callerDn`, `calleeNumber`. */
const partyFields = (side: 'caller' | 'callee'): Column<StoredCall>[] =>
  (['number', 'name', 'dn'] as const).map(field => ({
    name: `${side}${field[0]?.toUpperCase()}${field.slice(1)}`,
    type: 'text',
    value: call => call[side][field],
  }));

export const CALLS: HistoryKind<StoredCall> = {
  name: 'calls',
  columns: [
    ...(['cursor', 'callId', 'conversationId', 'direction', 'state', 'disposition'] as const).map(text),
    ...(['startedAt', 'ringingAt', 'answeredAt', 'endedAt'] as const).map(time),
    ...(['ringMs', 'talkMs'] as const).map(milliseconds),
    ...partyFields('caller'),
    ...partyFields('callee'),
    text('did'),
    { name: 'viaDn', type: 'text', value: ({ via }) => via?.dn ?? null },
    { name: 'viaType', type: 'text', value: ({ via }) => via?.type ?? null },
    text('answeredBy'),
    { name: 'dns', type: 'text', value: ({ dns }) => dns.join(' ') },
    text('position'),
  ],
  toJson: call => JSON.stringify(call),
  cursorOf: ({ cursor }) => cursor,
};
