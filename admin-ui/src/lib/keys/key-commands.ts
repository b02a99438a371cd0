import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';

/** Lines for a shell that work as they stand, at the address this page came from. */
export interface KeyCommands {
  readonly curl: { readonly line: string; readonly does: string };
  /** Null for a key that may read no channel. */
  readonly wscat: { readonly line: string; readonly does: string } | null;
}

interface NewKey {
  readonly apiKey: string;
  readonly permissions: readonly string[];
  /** Null: restricted to no extension. */
  readonly dns: readonly string[] | null;
}

/** `relayUrl`: what stands in front of `relay/`, with its slash. */
export function keyCommands(relayUrl: string, { apiKey, permissions, dns }: NewKey): KeyCommands {
  const may = (permission: Permission) => permissions.includes(permission);
  const header = quote(`Authorization: Bearer ${apiKey}`);
  const ask = (path: string) => `curl -fsS -H ${header} ${quote(`${relayUrl}${path}`)}`;
  const listen = (channels: string) => {
    const url = new URL(`relay/ws?channels=${channels}`, relayUrl);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return `wscat -H ${header} -c ${quote(url.href)}`;
  };
  const curl = may('read')
    ? { line: ask('relay/active-calls'), does: 'The calls of now' }
    : may('history')
      ? { line: ask('relay/history/calls?limit=10'), does: 'The last ten calls' }
      : may('monitor')
        ? { line: ask('relay/events?channel=health&limit=10'), does: 'Ten health samples' }
        : { line: ask('relay/health'), does: 'Whether the relay is well, and that the key is known' };
  const wscat = may('read')
    ? { line: listen('calls'), does: 'Call events as they happen' }
    : may('monitor')
      ? // Errors tell of every extension: they are refused to a key that is restricted to some.
        dns === null
        ? { line: listen('health,errors'), does: 'Health and errors as they happen' }
        : { line: listen('health'), does: 'Health as it happens' }
      : null;
  return { curl, wscat };
}

/** For a file `.env`; the names are those that the relay's own command line reads. */
export function keyEnvironment(
  relayUrl: string,
  { apiKey, clientName }: { apiKey: string; clientName: string },
): string {
  return [`# 3CX Relay, API key for ${clientName}`, `RELAY_URL=${relayUrl}`, `API_KEY=${apiKey}`, ''].join('\n');
}

/** As one word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
