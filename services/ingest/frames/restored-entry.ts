import type { NewEntry, StateChange } from '@3cx-relay/shared/log/entry.ts';
import type { Call } from '../call-model/call.ts';
import type { Participant } from '../pbx/callcontrol/participant.ts';
import { callEventBody } from './entry-body.ts';

/** What stands in Redis: the names of its calls and participants. */
export interface Projection {
  readonly calls: Iterable<string>;
  readonly participants: Iterable<string>;
}

/** One entry that makes the projection equal to the model again; null when both are empty. */
export function toRestoredEntry(
  model: { readonly calls: Iterable<Call>; readonly participants: ReadonlyMap<string, Participant> },
  projection: Projection,
  at: number,
): NewEntry | null {
  const calls = new Map([...model.calls].map(call => [call.callId, call]));
  const state: StateChange[] = [];
  for (const field of projection.calls) if (!calls.has(field)) state.push({ of: 'calls', field, value: null });
  for (const field of projection.participants) {
    if (!model.participants.has(field)) state.push({ of: 'participants', field, value: null });
  }
  if (state.length === 0 && calls.size === 0) return null;
  for (const [field, { json }] of model.participants) state.push({ of: 'participants', field, value: json });
  for (const [field, call] of calls) state.push({ of: 'calls', field, value: JSON.stringify(call) });
  const event = 'call.updated';
  const cause = { at, frame: null, participantJson: null, callJson: null, origin: 'reconcile' } as const;
  return { type: 'call_event', at, body: callEventBody({ ...cause, events: [event] }), event, state };
}
