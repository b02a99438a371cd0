import type { Status } from './read-status.ts';

/** Whether events reach clients, as far as this machine can say: the relay knows, and without one the units do. */
export function isFit({ health, units }: Pick<Status, 'health' | 'units'>, isRelayElsewhere: boolean): boolean {
  if (!isRelayElsewhere) return health === 'ok' || health === 'degraded';
  return units !== null && Object.values(units).every(state => state === 'active');
}
