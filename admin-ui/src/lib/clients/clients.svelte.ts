import type { ClientsAnswer, ConnectedClient } from '@3cx-relay/shared/wire/admin/clients.ts';
import { untrack } from 'svelte';
import type { AdminApi } from '../api/admin-api.ts';
import { Loaded } from '../api/loaded.svelte.ts';
import { type HeldRow, holdRows } from './held-rows.ts';
import { worstLag } from './lag-words.ts';

const REFRESH_MS = 2_000;

export const CLIENT_ORDERS = ['since', 'lag', 'name'] as const;

export type ClientOrder = (typeof CLIENT_ORDERS)[number];

export interface ClientChoice {
  readonly order: ClientOrder;
  readonly isShown: (client: ConnectedClient) => boolean;
}

/** Who is connected to the relay, at all its instances, every two seconds. */
export class Clients {
  readonly answer: Loaded<ClientsAnswer>;
  /** The pointer or the keyboard is on a row: nothing may move. */
  isHeld = $state(false);
  rows = $state.raw<readonly HeldRow<ConnectedClient>[]>([]);

  constructor(api: AdminApi) {
    this.answer = new Loaded(signal => api.get<ClientsAnswer>('clients', {}, signal));
  }

  /** For an effect. */
  watch(): () => void {
    return this.answer.keepLoading(REFRESH_MS);
  }

  /** Shows the newest answer. `isNewChoice`: somebody asked for other rows, which then may move. */
  arrange({ order, isShown }: ClientChoice, { isNewChoice }: { isNewChoice: boolean }): void {
    // What is arranged must not be what makes it be arranged again.
    const shown = untrack(() => this.rows);
    const clients = (this.answer.value?.clients ?? []).filter(isShown).toSorted(COMPARE[order]);
    const isHeld = this.isHeld && !isNewChoice;
    this.rows = holdRows(shown, clients, { isHeld, keyOf: ({ session }) => session });
  }
}

const since = (one: ConnectedClient, other: ConnectedClient) =>
  one.connectedAt.localeCompare(other.connectedAt) || one.session.localeCompare(other.session);

const COMPARE: Readonly<Record<ClientOrder, (one: ConnectedClient, other: ConnectedClient) => number>> = {
  since,
  name: (one, other) => one.clientName.localeCompare(other.clientName) || since(one, other),
  lag: (one, other) => worstLag(other).lagSeconds - worstLag(one).lagSeconds || since(one, other),
};
