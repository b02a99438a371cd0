type DnType = 'None' | 'Wextension' | 'Wroutepoint' | 'Wqueue' | 'Wexternalline' | 'Wspecialmenu' | 'Wringgroup';
type ParticipantStatus = 'Dialing' | 'Ringing' | 'Connected';

/** One leg of a call on one DN, with the field names and order of the V20 call-control API (3cx.md §1.5). */
export type Participant = {
  id: number;
  status: ParticipantStatus;
  dn: string;
  party_caller_name: string;
  party_dn: string;
  party_caller_id: string;
  party_did: string;
  device_id: string;
  party_dn_type: DnType;
  direct_control: boolean;
  originated_by_dn: string;
  originated_by_type: DnType;
  referred_by_dn: string;
  referred_by_type: DnType;
  on_behalf_of_dn: string;
  on_behalf_of_type: DnType;
  callid: number;
  legid: number;
};

/** What a scenario decides about a leg; identity comes from the switchboard, everything else is empty. */
export type LegDraft = Pick<Participant, 'status' | 'dn' | 'party_dn' | 'party_dn_type' | 'party_caller_id'> &
  Partial<Omit<Participant, 'id' | 'callid' | 'legid'>>;

/** A real 3CX sends "" and "None" for what is absent, never null: a reader must be able to rely on it. */
export function toParticipant(draft: LegDraft, ids: Pick<Participant, 'id' | 'callid' | 'legid'>): Participant {
  return {
    id: ids.id,
    status: draft.status,
    dn: draft.dn,
    party_caller_name: draft.party_caller_name ?? '',
    party_dn: draft.party_dn,
    party_caller_id: draft.party_caller_id,
    party_did: draft.party_did ?? '',
    device_id: draft.device_id ?? 'not_registered_dev',
    party_dn_type: draft.party_dn_type,
    direct_control: draft.direct_control ?? false,
    originated_by_dn: draft.originated_by_dn ?? '',
    originated_by_type: draft.originated_by_type ?? 'None',
    referred_by_dn: draft.referred_by_dn ?? '',
    referred_by_type: draft.referred_by_type ?? 'None',
    on_behalf_of_dn: draft.on_behalf_of_dn ?? '',
    on_behalf_of_type: draft.on_behalf_of_type ?? 'None',
    callid: ids.callid,
    legid: ids.legid,
  };
}
