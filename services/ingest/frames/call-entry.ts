import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { ModelChange } from '../call-model/call-model.ts';
import { callEventBody, type EntryOrigin, type Unresolved } from './entry-body.ts';
import { EVENT_REMOVE, EVENT_UPSERT, type Frame, type FrameSubject } from './frame.ts';

/** What made an entry of the channel `calls`: a frame, a snapshot or a timer. */
export interface EntryCause {
  readonly at: number;
  readonly frame: string | null;
  readonly participantJson: string | null;
  readonly entity?: string;
  readonly dtmf?: string | null;
  readonly unresolved?: Unresolved | null;
  readonly origin?: EntryOrigin;
  readonly trace?: string | undefined;
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
    ...(cause.trace === undefined ? {} : { trace: cause.trace }),
  };
}

/** A frame about a device, or about nothing that takes part in calls. */
export function toOtherEntry(
  frame: Frame,
  subject: Exclude<FrameSubject, { kind: 'participant' }>,
  at: number,
): NewEntry {
  const isRegistration = frame.eventType === EVENT_UPSERT || frame.eventType === EVENT_REMOVE;
  const device =
    subject.kind === 'device' && isRegistration
      ? { dn: subject.dn, deviceId: subject.deviceId, registered: frame.eventType === EVENT_UPSERT }
      : null;
  const event = device ? 'extension.status' : 'pbx.event';
  const body = callEventBody({
    at,
    events: [event],
    frame: frame.text,
    participantJson: null,
    callJson: null,
    ...(device ? { device } : {}),
  });
  return { type: 'call_event', at, body, event, ...(subject.dn === null ? {} : { dn: subject.dn }) };
}
