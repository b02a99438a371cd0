import type { CallHistory } from './call-history.ts';
import type { CdrParty } from './cdr-segment.ts';
import type { Directory } from './directory.ts';

/** Who stands on either side of a segment, in the words of `cdroutput` (3cx.md §3.2). */
export function createCdrParties(directory: Directory, history: CallHistory) {
  const party = (given: Partial<CdrParty>): CdrParty => ({
    participantId: history.newId(),
    entityType: 'unknown',
    dnNumber: '',
    dnType: 'unknown',
    dnName: '',
    name: '',
    phoneNumber: '',
    trunkDid: '',
    isIncoming: false,
    isAlreadyConnected: false,
    ...given,
  });

  return {
    /** The DID stands on the trunk's side, and nowhere in call control. */
    trunk: (number: string, did: string | null) =>
      party({
        entityType: 'external_line',
        dnNumber: directory.trunkDn,
        dnType: 'provider',
        dnName: 'SIP trunk',
        name: number,
        phoneNumber: number,
        trunkDid: did ?? '',
        isIncoming: did !== null,
      }),
    /** Whose DN is no extension is the route point of an API client, which the CDR would call a script (guess). */
    person(dn: string): CdrParty {
      const name = directory.extensions.get(dn)?.name;
      return name === undefined
        ? party({ entityType: 'script', dnNumber: dn, dnType: 'script', dnName: dn })
        : party({ entityType: 'extension', dnNumber: dn, dnType: 'extension', dnName: name, name, phoneNumber: dn });
    },
    queue: (dn: string) =>
      party({ entityType: 'queue', dnNumber: dn, dnType: 'queue', dnName: directory.queues.get(dn)?.name ?? '' }),
    ringGroup: (dn: string) =>
      party({
        entityType: 'ring_group_ring_all',
        dnNumber: dn,
        dnType: 'ring_group_ring_all',
        dnName: directory.ringGroups.get(dn)?.name ?? '',
      }),
    menu: () => party({ entityType: 'script', dnNumber: '777', dnType: 'script', dnName: 'Welcome' }),
    routing: (did: string | null) => party({ entityType: 'inbound_routing', name: 'Inbound', phoneNumber: did ?? '' }),
    rule: (number: string) => party({ entityType: 'outbound_rule', name: 'Outbound', phoneNumber: number }),
  };
}

/** The same party in a later segment, where it is already talking. */
export function connected(party: CdrParty): CdrParty {
  return { ...party, isAlreadyConnected: true };
}
