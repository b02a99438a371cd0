import { type Participant, parseParticipant } from '../pbx/callcontrol/participant.ts';
import type { Call } from './call.ts';
import type { ModelChange } from './call-model.ts';

/** What the tests of the call model have in common: legs as a V20 shows them, with what matters to a test set. */
export const GRACE_MS = 2_000;
export const T0 = Date.UTC(2026, 2, 2, 9, 0, 0);

export function leg(fields: Partial<Record<string, unknown>> & { dn: string; id: number }): Participant {
  const full = {
    status: 'Ringing',
    party_caller_name: '',
    party_dn: '10007',
    party_caller_id: '+4930123456',
    party_did: '',
    party_dn_type: 'Wexternalline',
    originated_by_dn: '',
    originated_by_type: 'None',
    referred_by_dn: '',
    referred_by_type: 'None',
    callid: 1,
    legid: 1,
    ...fields,
  };
  const parsed = parseParticipant(full, { dn: fields.dn });
  if (!parsed) throw new Error('the test made no participant');
  return parsed;
}

export function callOf(change: ModelChange | undefined): Call {
  return JSON.parse(change?.callJson ?? 'null') as Call;
}

export const watched = (ms: number) => ({ at: T0 + ms, isWatched: true });
export const unwatched = (ms: number) => ({ at: T0 + ms, isWatched: false });
