import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { type Call, dnsOf } from '../call-model/call.ts';
import { callEventBody, type PbxGap, pbxGapBody } from '../frames/entry-body.ts';
import { recoverCall } from './complete-call.ts';
import type { Outage } from './gap-healing.ts';
import type { RecordedCall } from './recorded-call.ts';

/**
 * Entries that outages and call records cause, and the notes in Redis that change with them: which outages are still to
 * be healed (`gap:<from>`), and which records have become entries (`cdr:<call history id>`). A process that dies leaves
 * both to the next one.
 */
const OUTAGE = 'gap:';
const RECORD = 'cdr:';

export function toGapEntry(at: number, gap: PbxGap): NewEntry {
  const entry: NewEntry = { type: 'gap', at, body: pbxGapBody(at, gap) };
  if (gap.from === null) return entry;
  const value = JSON.stringify({ from: gap.from, to: gap.to });
  return { ...entry, state: [{ of: 'recovery', field: OUTAGE + gap.from, value }] };
}

/** A call that ended, with what its records add. */
export function toFinalizedEntry(at: number, call: Call): NewEntry {
  return toRecordEntry(at, {
    events: ['call.finalized'],
    call,
    dns: dnsOf(call, null),
    callHistoryId: call.cdr?.callHistoryId ?? '',
  });
}

/** A call that nobody watched, from its records alone. */
export function toRecoveredEntry(at: number, record: RecordedCall): NewEntry {
  const { callHistoryId, via } = record;
  const dns = via ? [...new Set([...record.dns, via.dn])] : record.dns;
  return toRecordEntry(at, { ...recoverCall(record), dns, callHistoryId });
}

function toRecordEntry(
  at: number,
  told: { events: readonly string[]; call: { callId: string }; dns: readonly string[]; callHistoryId: string },
): NewEntry {
  const { events, call, dns, callHistoryId } = told;
  const callJson = JSON.stringify(call);
  return {
    type: 'call_event',
    at,
    body: callEventBody({ at, events, frame: null, participantJson: null, callJson, origin: 'cdr' }),
    event: events.join(),
    call: call.callId,
    ...(dns.length === 0 ? {} : { dn: dns.join() }),
    state: [{ of: 'recovery', field: RECORD + callHistoryId, value: String(at) }],
  };
}

export function parseRecovery(fields: Readonly<Record<string, string>>): {
  outages: Outage[];
  taken: Map<string, number>;
} {
  const outages: Outage[] = [];
  const taken = new Map<string, number>();
  for (const [field, value] of Object.entries(fields)) {
    if (field.startsWith(RECORD)) taken.set(field.slice(RECORD.length), Number(value));
    if (field.startsWith(OUTAGE)) outages.push(JSON.parse(value) as Outage);
  }
  return { outages, taken };
}

/** Notes that are no longer needed. Losing such a removal costs a second look, never an entry. */
export interface RecoveryNotes {
  dropOutage(from: number): void;
  dropRecords(callHistoryIds: readonly string[]): void;
}

/** After an outage of days there are more than one command takes. */
const DROP_AT_ONCE = 1_000;

export function createRecoveryNotes(drop: (fields: readonly string[]) => Promise<unknown>): RecoveryNotes {
  const quietly = (fields: readonly string[]) => {
    for (let i = 0; i < fields.length; i += DROP_AT_ONCE) {
      drop(fields.slice(i, i + DROP_AT_ONCE)).catch(() => undefined);
    }
  };
  return {
    dropOutage: from => quietly([OUTAGE + from]),
    dropRecords: ids => quietly(ids.map(id => RECORD + id)),
  };
}
