import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface PersistMetrics {
  readonly rows: Counter<'channel'>;
  readonly batchRows: Histogram<'channel'>;
  readonly batchSeconds: Histogram<'channel'>;
  readonly lag: Gauge<'channel'>;
  readonly lagSeconds: Gauge<'channel'>;
  readonly unstorable: Counter<'channel'>;
  readonly gaps: Counter<'channel' | 'reason'>;
}

/** What a copy can find between PostgreSQL and the log. While the PBX is away entries are missing in neither. */
const REASONS: readonly Exclude<GapReason, 'pbx_disconnected'>[] = ['retention', 'log_reset', 'log_rolled_back'];

export function createPersistMetrics(registry: Registry): PersistMetrics {
  const registers = [registry];
  const metrics: PersistMetrics = {
    rows: new Counter({
      name: 'relay_persist_rows_total',
      help: 'Log entries committed to PostgreSQL',
      labelNames: ['channel'],
      registers,
    }),
    batchRows: new Histogram({
      name: 'relay_persist_batch_rows',
      help: 'Log entries in one transaction',
      labelNames: ['channel'],
      buckets: [1, 10, 50, 100, 500, 1_000, 2_000],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'relay_persist_batch_seconds',
      help: 'Duration of one transaction that copied entries, seconds',
      labelNames: ['channel'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    lag: new Gauge({
      name: 'relay_persist_lag_entries',
      help: 'Log entries written but not yet committed to PostgreSQL',
      labelNames: ['channel'],
      registers,
    }),
    lagSeconds: new Gauge({
      name: 'relay_persist_lag_seconds',
      help: 'Age of the oldest log entry not yet committed to PostgreSQL, seconds; 0 when there is none',
      labelNames: ['channel'],
      registers,
    }),
    unstorable: new Counter({
      name: 'relay_persist_unstorable_total',
      help: 'Log entries, and rows made from them, that PostgreSQL refused; kept as dead letters',
      labelNames: ['channel'],
      registers,
    }),
    gaps: new Counter({
      name: 'relay_persist_gaps_total',
      help: 'Times that the log went on elsewhere than where PostgreSQL had got to',
      labelNames: ['channel', 'reason'],
      registers,
    }),
  };
  // increase() compares two samples: of a series that begins with its first loss, that loss would page nobody.
  for (const channel of CHANNELS) {
    metrics.rows.inc({ channel }, 0);
    metrics.unstorable.inc({ channel }, 0);
    for (const reason of REASONS) metrics.gaps.inc({ channel, reason }, 0);
  }
  return metrics;
}
