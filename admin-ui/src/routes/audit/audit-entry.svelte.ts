import type { StoredAudit } from '@3cx-relay/shared/wire/history.ts';
import type { AdminApi } from '../../lib/api/admin-api.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';

/** An entry and those beside it in the chain; null where there is none (any more). */
export interface ChainLink {
  readonly entry: StoredAudit | null;
  readonly previous: StoredAudit | null;
  readonly next: StoredAudit | null;
}

/** Reads an entry together with its neighbours, so that its link to them can be compared. */
export function loadChainLink(api: AdminApi, seq: () => number): Loaded<ChainLink> {
  return new Loaded(async signal => {
    const wanted = seq();
    const { entries } = await api.get<{ entries: readonly StoredAudit[] }>(
      'relay/history/audit',
      // `after` excludes the row it names. The chain has no gaps, but its begin may be sealed away.
      { order: 'asc', limit: 3, ...(wanted > 2 ? { after: wanted - 2 } : {}) },
      signal,
    );
    const at = (number: number) => entries.find(entry => entry.seq === number) ?? null;
    return { entry: at(wanted), previous: at(wanted - 1), next: at(wanted + 1) };
  });
}
