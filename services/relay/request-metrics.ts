import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import { Counter, Histogram, type Registry } from 'prom-client';

export interface RequestMetrics {
  answered(record: RequestRecord): void;
  lost(entries: number): void;
}

/** Endpoints are templates of routes and methods a closed set (record-requests.ts), so that the series are few. */
export function createRequestMetrics(registry: Registry): RequestMetrics {
  const requests = new Counter({
    name: 'relay_requests_total',
    help: 'Requests to the public API and upgrades to WebSockets, by route, method and class of the status',
    labelNames: ['endpoint', 'method', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'relay_request_seconds',
    help: 'Time from a request to the end of its answer, by route; streams are not in it, requests that wait for events are',
    labelNames: ['endpoint', 'method'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  });
  const lost = new Counter({
    name: 'relay_request_entries_lost_total',
    help: 'Requests that did not become an entry of the log because too many waited for Redis',
    registers: [registry],
  });
  return {
    answered({ event, endpoint, method, status, durationMs }) {
      // It was counted when it began.
      if (event === 'ws.end' || event === 'ws.refuse') return;
      requests.inc({ endpoint, method, status: `${Math.floor(status / 100)}xx` });
      if (event !== 'sse.end') seconds.observe({ endpoint, method }, durationMs / 1000);
    },
    lost: entries => lost.inc(entries),
  };
}
