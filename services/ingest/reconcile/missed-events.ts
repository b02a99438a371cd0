import type { News } from '@3cx-relay/shared/errors/announce.ts';

/** The PBX shows what its frames should have told, whoever notices it. */
export function missedEvents(details: object): News {
  const message = 'the PBX shows changes that no frame told: they were missed, and are repaired from what it shows';
  return { component: 'websocket', severity: 'warning', message, details };
}
