import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import { Counter, type Registry } from 'prom-client';
import type { Tier } from './replay.ts';

export interface ReplayMetrics {
  replayed(tier: Tier, entries: number): void;
  gap(reason: GapReason): void;
  /** Entries that a filter kept from a client. */
  dropped(entries: number): void;
}

const TIERS: readonly Tier[] = ['ring', 'redis', 'postgres'];
const REASONS: readonly GapReason[] = ['pbx_disconnected', 'retention', 'log_reset', 'log_rolled_back'];

export function createReplayMetrics(registry: Registry): ReplayMetrics {
  const registers = [registry];
  const replayed = new Counter({
    name: 'relay_replayed_entries_total',
    help: 'Entries for clients that were behind: handed out from the ring, read from Redis or from PostgreSQL',
    labelNames: ['tier'],
    registers,
  });
  for (const tier of TIERS) replayed.inc({ tier }, 0);
  const gaps = new Counter({
    name: 'relay_client_gaps_total',
    help: 'Gaps told to single clients; those of the log itself are entries',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REASONS) gaps.inc({ reason }, 0);
  const dropped = new Counter({
    name: 'relay_filtered_entries_total',
    help: 'Entries that the filters of clients kept from them',
    registers,
  });
  return {
    replayed: (tier, entries) => replayed.inc({ tier }, entries),
    gap: reason => gaps.inc({ reason }),
    dropped: entries => dropped.inc(entries),
  };
}
