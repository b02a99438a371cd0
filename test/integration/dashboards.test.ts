import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';

interface Dashboard {
  readonly panels: { readonly title: string; readonly targets: { readonly expr: string }[] }[];
}

let relay: TestRelay;

beforeAll(async () => {
  relay = await startTestRelay();
});

afterAll(() => relay?.stop());

it('every panel of the dashboard asks for metrics that the relay has', async () => {
  const path = new URL('../../install/grafana/relay.json', import.meta.url);
  const { panels } = JSON.parse(readFileSync(path, 'utf8')) as Dashboard;
  const names = new Set(
    panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/\brelay_[a-z0-9_]+/g) ?? [])),
  );
  const missing: string[] = [];
  for (const name of names) {
    // A histogram is asked for by its parts.
    if (!relay.hasMetric(name.replace(/_(bucket|count|sum)$/, '')) && !relay.hasMetric(name)) missing.push(name);
  }
  expect(names.size).toBeGreaterThan(15);
  expect(missing).toEqual([]);
});
