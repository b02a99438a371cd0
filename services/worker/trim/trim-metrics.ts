import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, type Registry } from 'prom-client';
import { type LogSize, persistedBytes, totalBytes } from './log-sizes.ts';

export interface TrimMetrics {
  readonly trimmed: Counter<'channel'>;
  readonly shed: Counter<'channel'>;
  measured(sizes: readonly LogSize[], maxBytes: number): void;
}

export function createTrimMetrics(registry: Registry): TrimMetrics {
  const registers = [registry];
  const bytes = new Gauge({
    name: 'relay_log_bytes',
    help: 'Memory of the log in Redis before the last trim, bytes',
    labelNames: ['channel'],
    registers,
  });
  const unpersisted = new Gauge({
    name: 'relay_log_unpersisted_bytes',
    help: 'Memory of the log in Redis that PostgreSQL does not have yet, so that it cannot be trimmed, bytes',
    labelNames: ['channel'],
    registers,
  });
  const total = new Gauge({
    name: 'relay_log_total_bytes',
    help: 'Memory of all channels of the log in Redis before the last trim, bytes',
    registers,
  });
  const pressure = new Gauge({
    name: 'relay_log_pressure_ratio',
    help: 'What PostgreSQL does not have yet as a share of LOG_MAX_BYTES; at 1 entries are given up',
    registers,
  });
  const metrics: TrimMetrics = {
    trimmed: new Counter({
      name: 'relay_log_trimmed_total',
      help: 'Log entries removed from Redis after they were persisted',
      labelNames: ['channel'],
      registers,
    }),
    shed: new Counter({
      name: 'relay_log_shed_total',
      help: 'Log entries given up before they were persisted, because LOG_MAX_BYTES was reached',
      labelNames: ['channel'],
      registers,
    }),
    measured(sizes, maxBytes) {
      for (const size of sizes) {
        bytes.set({ channel: size.channel }, size.bytes);
        unpersisted.set({ channel: size.channel }, size.bytes - size.persistedBytes);
      }
      total.set(totalBytes(sizes));
      pressure.set((totalBytes(sizes) - persistedBytes(sizes)) / maxBytes);
    },
  };
  // As in persist-metrics.ts: an alert must hear of the first loss.
  for (const channel of CHANNELS) {
    metrics.trimmed.inc({ channel }, 0);
    metrics.shed.inc({ channel }, 0);
  }
  return metrics;
}
