import type { ClientRegister } from '../pbx/client-register.ts';
import type { Directory } from '../pbx/directory.ts';
import { BadInput } from './request-body.ts';

type DnFields = Partial<
  Record<'dn' | 'number' | 'answeredBy' | 'transferTo' | 'queue' | 'ringGroup', string | undefined>
>;
type WishedDns = DnFields & { scenario: string; agents?: string[] | undefined; busyAgents?: string[] | undefined };

/** Every DN a call is asked for with has to be there, or the scenario would quietly be another. */
export function requireDns(wish: WishedDns, directory: Directory, register: ClientRegister): void {
  // A route point calls and is called like an extension, in the calls that reach it.
  const isRoutePoint = wish.dn !== undefined && register.get(wish.dn) !== undefined;
  if (!isRoutePoint) requireExtension('dn', wish.dn, directory);
  if (wish.scenario === 'internal') requireExtension('number', wish.number, directory);
  requireExtension('answeredBy', wish.answeredBy, directory);
  requireExtension('transferTo', wish.transferTo, directory);
  for (const dn of wish.agents ?? []) requireExtension('agents', dn, directory);
  for (const dn of wish.busyAgents ?? []) requireExtension('busyAgents', dn, directory);
  requireKnown('queue', wish.queue, [...directory.queues.keys()]);
  requireKnown('ringGroup', wish.ringGroup, [...directory.ringGroups.keys()]);
}

export function requireExtension(field: string, dn: string | undefined, directory: Directory): void {
  if (dn === undefined || directory.extensions.has(dn)) return;
  const message = `there is no extension ${dn}; choose from ${directory.dns.at(0)} to ${directory.dns.at(-1)}`;
  throw new BadInput([{ field, message }]);
}

function requireKnown(field: string, dn: string | undefined, known: readonly string[]): void {
  if (dn === undefined || known.includes(dn)) return;
  throw new BadInput([{ field, message: `there is no such ${field} as ${dn}; choose from ${known.join(', ')}` }]);
}
