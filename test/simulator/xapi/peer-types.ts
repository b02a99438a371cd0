/**
 * Numbers of `Pbx.PeerType` in the order the enumeration lists its names (3cx.md §2.2). That the integer columns of the
 * call log count like that is a guess.
 */
const PEER_TYPES = [
  'None',
  'Extension',
  'Queue',
  'RingGroup',
  'IVR',
  'Fax',
  'Conference',
  'SpecialMenu',
  'Parking',
  'ExternalLine',
  'Group',
  'RoutePoint',
] as const;

const PEER_OF_ENTITY: Record<string, (typeof PEER_TYPES)[number]> = {
  extension: 'Extension',
  external_line: 'ExternalLine',
  queue: 'Queue',
  script: 'RoutePoint',
  ring_group_ring_all: 'RingGroup',
  ring_group_hunt: 'RingGroup',
  ivr: 'IVR',
  voicemail: 'SpecialMenu',
};

export function peerType(entityType: string): number {
  return PEER_TYPES.indexOf(PEER_OF_ENTITY[entityType] ?? 'None');
}
