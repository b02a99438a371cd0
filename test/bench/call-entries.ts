import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';

const ENTRIES_OF_CALL = 7;
const AT_ONCE = 20;
const DNS = 100;

/** Calls in groups that go on side by side: entry n is a step of one of them. The first began at `startMs`. */
export function toCallEntry(n: number, startMs: number): NewEntry {
  const group = Math.floor(n / (AT_ONCE * ENTRIES_OF_CALL));
  const within = n % (AT_ONCE * ENTRIES_OF_CALL);
  const step = Math.floor(within / AT_ONCE);
  const call = group * AT_ONCE + (within % AT_ONCE);
  const firstMs = startMs + call * 40;
  const at = firstMs + step * 1_500;
  const dn = String(100 + (call % DNS));
  const other = String(100 + ((call * 7) % DNS));
  const iso = (ms: number) => new Date(ms).toISOString();
  const callId = `${firstMs.toString(36).padStart(8, '0')}-${call}`;
  const number = `+4930${1_000_000 + ((call * 7_919) % 500_000)}`;
  const isOver = step === ENTRIES_OF_CALL - 1;
  const leg = { dn, participantId: call * 3, legId: 1, status: 'Ringing', party: number, since: iso(at) };
  const former = { dn: other, participantId: call * 3 + 1, party: number, leftAt: iso(at), outcome: 'missed' };
  const participant = {
    id: call * 3,
    status: 'Connected',
    dn,
    party_caller_name: 'Customer',
    party_dn: '10007',
    party_caller_id: number,
    party_did: '',
    device_id: 'sip:101@127.0.0.1:5060',
    party_dn_type: 'Wexternalline',
    direct_control: false,
    originated_by_dn: '',
    originated_by_type: 'None',
    referred_by_dn: '',
    referred_by_type: 'None',
    on_behalf_of_dn: '800',
    on_behalf_of_type: 'Wqueue',
    callid: call,
    legid: 1,
  };
  const body = {
    at: iso(at),
    event: isOver ? 'call.ended' : 'call.updated',
    data: {
      sequence: n,
      event: { event_type: 0, entity: `/callcontrol/${dn}/participants/${call * 3}`, attached_data: null },
    },
    participant,
    call: {
      callId,
      pbxCallId: call,
      conversationId: callId,
      linked: null,
      direction: 'inbound',
      state: isOver ? 'ended' : step < 3 ? 'ringing' : 'connected',
      startedAt: iso(firstMs),
      ringingAt: iso(firstMs + 10),
      answeredAt: step < 3 ? null : iso(firstMs + 4_500),
      endedAt: isOver ? iso(at) : null,
      caller: { number, name: 'Customer', dn: null },
      callee: { number: dn, name: 'Agent', dn },
      did: null,
      via: call % 3 === 0 ? { dn: '800', type: 'queue' } : null,
      answeredBy: step < 3 ? null : dn,
      legs: isOver ? [] : [leg],
      formerLegs: step > 1 ? [former] : [],
      disposition: isOver ? 'answered' : null,
      reason: isOver ? 'left' : null,
      cdr: null,
    },
  };
  return { type: 'call_event', at, body: JSON.stringify(body), dn: `${dn},${other}`, call: callId, event: body.event };
}
