import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Hub } from './hub.ts';

export interface RelayMetrics {
  read(channel: Channel, entries: number): void;
  wrote(messages: number, bytes: number): void;
}

export function createRelayMetrics(registry: Registry, hub: Hub): RelayMetrics {
  const entriesRead = new Counter({
    name: 'relay_entries_read_total',
    help: 'Entries read from the log by the tail of this process',
    labelNames: ['channel'],
    registers: [registry],
  });
  for (const channel of CHANNELS) entriesRead.inc({ channel }, 0);
  const messagesSent = new Counter({
    name: 'relay_messages_sent_total',
    help: 'Messages written to WebSocket clients, all clients together',
    registers: [registry],
  });
  const bytesSent = new Counter({
    name: 'relay_bytes_sent_total',
    help: 'Bytes written to WebSocket clients, all clients together',
    registers: [registry],
  });
  new Gauge({
    name: 'relay_clients',
    help: 'WebSocket clients connected now',
    registers: [registry],
    collect() {
      this.set(hub.size);
    },
  });
  new Gauge({
    name: 'relay_client_lag_entries_max',
    help: 'Entries between the newest and the one that the slowest subscription has been sent',
    registers: [registry],
    collect() {
      let max = 0;
      for (const connection of hub.connections()) {
        for (const subscription of connection.subscriptions.values()) max = Math.max(max, subscription.lag);
      }
      this.set(max);
    },
  });
  new Gauge({
    name: 'relay_queued_bytes',
    help: 'Bytes that wait in the sockets of all clients',
    registers: [registry],
    collect() {
      let sum = 0;
      for (const connection of hub.connections()) sum += connection.queuedBytes;
      this.set(sum);
    },
  });
  return {
    read: (channel, entries) => entriesRead.inc({ channel }, entries),
    wrote(messages, bytes) {
      messagesSent.inc(messages);
      bytesSent.inc(bytes);
    },
  };
}
