import { isObjectText, parseStored } from '@3cx-relay/shared/log/stored-json.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { CHANNEL_PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import type { ApiKey } from './validation.ts';

/**
 * What a key may see and do: its permissions, narrowed by its DNs.
 *
 * A key with DNs sees the calls in which one of them takes part, whole, and the state of the connections, which is
 * about no extension. Of the PBX's records it sees those that have one of them on either side. All else tells of
 * everybody and cannot be divided: it is refused. Entries of `calls` are judged by their `dn` attribute, which names all
 * that take part, and never by their bodies; the calls of a snapshot carry no attributes and are read.
 */
export type DnScope = ReadonlySet<string>;

const UNDIVIDED: readonly Channel[] = ['health'];

/** Null: everything. */
export function dnScopeOf(key: ApiKey): DnScope | null {
  return key.dns && new Set(key.dns);
}

/** What of a channel that the key may read it gets to see. */
export function channelScopeOf(key: ApiKey, channel: Channel): DnScope | null {
  return channel === 'calls' ? dnScopeOf(key) : null;
}

/** Null when the key may read the channel. */
export function refuseChannel(key: ApiKey, channel: Channel): Problem | null {
  const needed = CHANNEL_PERMISSIONS[channel];
  if (!needed.some(permission => key.permissions.includes(permission))) {
    const names = needed.map(permission => `"${permission}"`).join(' or ');
    return problem('forbidden', `the channel ${channel} needs a key with the permission ${names}`);
  }
  if (!key.dns || channel === 'calls' || UNDIVIDED.includes(channel)) return null;
  return problem(
    'forbidden',
    `the channel ${channel} tells of every extension, and this key is restricted to ${named(key.dns)}: it may read calls and health`,
  );
}

/** Null when the key has the permission. */
export function refusePermission(key: ApiKey, permission: Permission): Problem | null {
  if (key.permissions.includes(permission)) return null;
  return problem('forbidden', `this needs a key with the permission "${permission}"`);
}

/** Whether one of those who take part, in a record or in an entry of the log, is in the scope. */
export function isInScope(dns: readonly (string | null)[], scope: DnScope | null): boolean {
  return !scope || dns.some(dn => dn !== null && scope.has(dn));
}

/** For what tells of every extension and cannot be divided: null when the key is restricted to none. */
export function refuseUndivided(key: ApiKey): Problem | null {
  if (!key.dns) return null;
  return problem('forbidden', `this tells of every extension, and this key is restricted to ${named(key.dns)}`);
}

/** Null when the key may command for this extension. */
export function refuseDn(dns: readonly string[] | null, dn: string): Problem | null {
  if (!dns || dns.includes(dn)) return null;
  return problem('forbidden', `this key is restricted to ${named(dns)} and may not command for ${dn}`);
}

/** The calls of a snapshot in which somebody of the scope takes or took part. */
export function callsInScope(calls: Readonly<Record<string, string>>, scope: DnScope | null): string[] {
  const all = Object.values(calls).filter(isObjectText);
  return scope ? all.filter(json => isCallInScope(json, scope)) : all;
}

/** The parts of the call object (PROTOCOL.md §3.1) that name an extension. */
interface CallParties {
  readonly legs: readonly Party[] | null;
  readonly formerLegs: readonly Party[] | null;
  readonly via: Party;
  readonly caller: Party;
  readonly callee: Party;
  readonly answeredBy: string | null;
}

type Party = { readonly dn?: string | null } | null;

function isCallInScope(json: string, scope: DnScope): boolean {
  const { legs, formerLegs, via, caller, callee, answeredBy } = parseStored<CallParties>(json) ?? {};
  const dns = [...(legs ?? []), ...(formerLegs ?? [])].map(leg => leg?.dn);
  return [...dns, via?.dn, caller?.dn, callee?.dn, answeredBy].some(dn => dn != null && scope.has(dn));
}

const NAMED_AT_MOST = 8;

function named(dns: readonly string[]): string {
  const more = dns.length - NAMED_AT_MOST;
  return `DN ${dns.slice(0, NAMED_AT_MOST).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
