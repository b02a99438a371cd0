import { readFileSync } from 'node:fs';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { expect, test } from 'vitest';
import { createPersistMetrics } from './persist/persist-metrics.ts';
import { createTrimMetrics } from './trim/trim-metrics.ts';

const alerts = readFileSync(new URL('../../install/prometheus/alerts.yml', import.meta.url), 'utf8');

/** What `/metrics` says before anything happened. */
async function freshMetrics(): Promise<string> {
  const registry = createMetrics('worker');
  createPersistMetrics(registry);
  createTrimMetrics(registry);
  return registry.metrics();
}

test('counters that an alert takes the increase of are there at 0, for every channel and reason', async () => {
  const metrics = await freshMetrics();
  const reasons = ['retention', 'log_reset', 'log_rolled_back'];
  const wanted = CHANNELS.flatMap(channel => [
    `relay_persist_unstorable_total{channel="${channel}",service="worker"} 0`,
    `relay_log_shed_total{channel="${channel}",service="worker"} 0`,
    ...reasons.map(reason => `relay_persist_gaps_total{channel="${channel}",reason="${reason}",service="worker"} 0`),
  ]);
  const said = new Set(metrics.split('\n'));
  expect(wanted.filter(line => !said.has(line))).toEqual([]);
});

test('no counter of the worker that an alert watches begins with its first increment', async () => {
  const metrics = await freshMetrics();
  const watched = [...alerts.matchAll(/increase\((relay_(?:persist|log)_\w+)/g)].map(([, name = '']) => name);
  expect(watched.length).toBeGreaterThan(2);
  expect(watched.filter(name => !metrics.includes(`\n${name}{`))).toEqual([]);
});
