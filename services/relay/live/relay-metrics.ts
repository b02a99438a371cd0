import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Hub } from './hub.ts';
import type { SendBudget } from './send-budget.ts';

/** What the relay tells of its clients and of what it sends them; the tiers of replay are counted in replay-metrics.ts. */
export interface RelayMetrics {
  read(channel: Channel, entries: number): void;
  /** An entry of this time, Unix ms, was handed to all clients that are live. */
  delivered(channel: Channel, at: number): void;
  wrote(messages: number, bytes: number): void;
  fellBack(): void;
}

export function createRelayMetrics(registry: Registry, of: { hub: Hub; budget: SendBudget }): RelayMetrics {
  const { hub, budget } = of;
  const registers = [registry];
  const entriesRead = new Counter({
    name: 'relay_entries_read_total',
    help: 'Entries read from the log by the tail of this process',
    labelNames: ['channel'],
    registers,
  });
  for (const channel of CHANNELS) entriesRead.inc({ channel }, 0);
  const deliverySeconds = new Histogram({
    name: 'relay_delivery_seconds',
    help: 'Time from an entry to the moment it was written to all live clients, of the newest entry of each read',
    labelNames: ['channel'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  });
  const messagesSent = new Counter({
    name: 'relay_messages_sent_total',
    help: 'Messages written to WebSocket and SSE clients, all clients together',
    registers,
  });
  const bytesSent = new Counter({
    name: 'relay_bytes_sent_total',
    help: 'Bytes written to WebSocket and SSE clients, all clients together',
    registers,
  });
  const batchMessages = new Histogram({
    name: 'relay_batch_messages',
    help: 'Messages in one write to one client',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000],
    registers,
  });
  const fallBacks = new Counter({
    name: 'relay_slow_fall_backs_total',
    help: 'Times a live client had to be left to read the log at its own pace',
    registers,
  });
  new Gauge({
    name: 'relay_clients',
    help: 'WebSocket and SSE clients connected now',
    labelNames: ['transport'],
    registers,
    collect() {
      const count = { ws: 0, sse: 0 };
      for (const { transport } of hub.clients()) count[transport] += 1;
      this.set({ transport: 'ws' }, count.ws);
      this.set({ transport: 'sse' }, count.sse);
    },
  });
  new Gauge({
    name: 'relay_client_lag_entries_max',
    help: 'Entries between the newest and the one that the slowest subscription has been sent',
    registers,
    collect() {
      this.set(lags(hub).at(-1) ?? 0);
    },
  });
  new Gauge({
    name: 'relay_client_lag_entries_p99',
    help: 'The same, of the slowest but one percent of the subscriptions',
    registers,
    collect() {
      const sorted = lags(hub);
      this.set(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0);
    },
  });
  new Gauge({
    name: 'relay_queued_bytes',
    help: 'Bytes that wait in the sockets of all clients',
    registers,
    collect() {
      let sum = 0;
      for (const client of hub.clients()) sum += client.queuedBytes;
      this.set(sum);
    },
  });
  new Gauge({
    name: 'relay_send_budget_used_bytes',
    help: 'Bytes of the budget for what waits in sockets that are used',
    registers,
    collect() {
      this.set(budget.used);
    },
  });
  return {
    read: (channel, entries) => entriesRead.inc({ channel }, entries),
    delivered: (channel, at) => deliverySeconds.observe({ channel }, Math.max(0, Date.now() - at) / 1_000),
    wrote(messages, bytes) {
      messagesSent.inc(messages);
      bytesSent.inc(bytes);
      batchMessages.observe(messages);
    },
    fellBack: () => fallBacks.inc(),
  };
}

/** Of all subscriptions, sorted. */
function lags(hub: Hub): number[] {
  const found: number[] = [];
  for (const { subscriptions } of hub.clients()) for (const { lag } of subscriptions.values()) found.push(lag);
  return found.sort((one, other) => one - other);
}
