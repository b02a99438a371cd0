import type { ApiClient } from './api-client.ts';

export type Licence = { enterprise: boolean; status: 403 | 404 };
export type ClientChange = Partial<ApiClient> & { id: string };

/**
 * Integrations → API in the admin console, with the licence that decides whether call control is there at all. Tokens
 * keep only the id of their client, so a change here (a DN taken off the list, a tick removed) counts at once.
 */
export class ClientRegister {
  readonly #clients = new Map<string, ApiClient>();
  readonly #numberOf = new Map<string, number>();
  /** Documents say 403 for a missing licence, a field report "404/403" (3cx.md C12). */
  licence: Licence = { enterprise: true, status: 403 };

  /** The first one: everything ticked and every DN listed, so that a relay under test needs no set-up. */
  constructor(first: { id: string; secret: string }) {
    this.set({ ...first, dns: null, hasCallControl: true, hasXapi: true, role: 'system_owner' });
  }

  get(id: string): ApiClient | undefined {
    return this.#clients.get(id);
  }

  list(): ApiClient[] {
    return [...this.#clients.values()];
  }

  /** Adds a client or changes what is given of one that exists. A new client without a secret can never sign in. */
  set(change: ClientChange): ApiClient {
    const known = this.#clients.get(change.id);
    const client: ApiClient = {
      secret: '',
      dns: null,
      hasCallControl: true,
      hasXapi: true,
      role: 'system_owner',
      ...known,
      ...change,
    };
    this.#clients.set(client.id, client);
    if (!known) this.#numberOf.set(client.id, this.#numberOf.size);
    return client;
  }

  /** Counts clients from 0 in the order they were added; never changes. */
  numberOf(client: ApiClient): number {
    return this.#numberOf.get(client.id) ?? 0;
  }

  signIn(id: string, secret: string): ApiClient | null {
    const client = this.#clients.get(id);
    return client && secret !== '' && client.secret === secret ? client : null;
  }

  /** Whether anybody would be told about this DN: a PBX makes no event that nobody has asked for. */
  isMonitored(dn: string): boolean {
    for (const client of this.#clients.values()) if (client.hasCallControl && monitors(client, dn)) return true;
    return false;
  }

  /** The status that call control refuses this client with, or null when it may come in. */
  refusalOf(client: ApiClient): number | null {
    return this.licence.enterprise && client.hasCallControl ? null : this.licence.status;
  }
}

/** A client lists extensions; its own route point is its own without being listed (3cx.md §1.1). */
export function monitors(client: ApiClient, dn: string): boolean {
  return client.dns === null || dn === client.id || client.dns.includes(dn);
}
