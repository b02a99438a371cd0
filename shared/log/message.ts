import { formatPosition } from '../wire/position.ts';
import type { LogEntry } from './entry.ts';
import { type EpochStart, epochOf } from './epochs.ts';

/**
 * The message of an entry, as every transport sends it: type and position put in front of the stored body by text,
 * because the body is final JSON and parsing it again would cost ten times as much as sending it.
 */
export function messageText(entry: LogEntry, epochs: readonly EpochStart[]): string {
  const id = formatPosition(entry);
  const rest = entry.body.slice(1);
  if (entry.type !== 'gap') return `{"type":"${entry.type}","id":"${id}",${rest}`;
  const previous = entry.seq - 1;
  // Of a log that forgot its epochs nobody can say which one came before.
  const isKnown = previous >= (epochs[0]?.first ?? 1);
  const after = isKnown
    ? JSON.stringify(formatPosition({ epoch: epochOf(epochs, previous) ?? entry.epoch, seq: previous }))
    : 'null';
  return `{"type":"gap","id":"${id}","channel":"${entry.channel}","after":${after},"before":"${id}",${rest}`;
}
