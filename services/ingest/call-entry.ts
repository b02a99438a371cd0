import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { ModelChange } from './call-model/call-model.ts';
import { callEventBody, type EntryOrigin, type Unresolved } from './entry-body.ts';

/** What made an entry of the channel `calls`: a frame, a snapshot or a timer. */
export interface EntryCause {
  readonly at: number;
  readonly frame: string | null;
  readonly participantJson: string | null;
  readonly entity?: string;
  readonly unresolved?: Unresolved | null;
  readonly origin?: EntryOrigin;
}

/** The body for clients, and beside it what filters and the projection need. */
export function toCallEntry(change: ModelChange, cause: EntryCause): NewEntry {
  const { events, callJson, otherCallJson, isRepeat } = change;
  return {
    type: 'call_event',
    at: cause.at,
    body: callEventBody({ ...cause, events, callJson, otherCallJson, isRepeat }),
    event: events.join(),
    ...(change.dns.length === 0 ? {} : { dn: change.dns.join() }),
    ...(change.callId === null ? {} : { call: change.callId }),
    ...(change.state.length === 0 ? {} : { state: change.state }),
  };
}
