import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { compare, entriesLogged, framesSent } from '../harness/ledger.ts';
import { redisEngineName } from '../harness/redis-engine.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The whole product on Redis that is more than one server. `TEST_REDIS` plays the long suites on it (test/e2e). */
const EVENTS = 900;
const PER_SECOND = 300;

let system: System | undefined;

afterEach(async () => {
  await system?.stop();
  system = undefined;
});

/** By itself the run takes both; `TEST_REDIS` takes its own. */
const named = redisEngineName();
const ENGINES = named === 'single' ? (['sentinel', 'cluster'] as const) : [named];

describe.each(ENGINES)('on %s', engine => {
  it('a burst during which the master dies reaches the log, PostgreSQL and a client, once and in order', async () => {
    const on = await startSystem({}, { engine });
    system = on;
    const client = await connectClient(on.relayUrl, on.apiKey);
    await client.waitForMessage('caught_up');
    await on.sim('POST', '/sim/burst', { events: EVENTS, perSecond: PER_SECOND });
    await waitFor(() => client.entries().length > 100, { what: 'the burst to arrive' });
    await on.killRedis();
    await waitFor(async () => !(await on.sim<{ running: boolean }>('GET', '/sim/burst')).running, {
      what: 'the end of the burst',
      timeoutMs: 30_000,
      everyMs: 100,
    });
    const frames = await framesSent(on);
    const calls = () => client.entries().filter(message => message.type === 'call_event');
    await waitFor(() => calls().filter(({ data }) => data !== null).length >= frames.length, {
      what: 'everything to reach the client',
      timeoutMs: 30_000,
    });
    // The test's own connection learns of the new master by failing once.
    const entries = await waitFor(() => entriesLogged(on), { what: 'the log to be read' });
    expect(compare(frames, entries)).toMatchObject({ missing: [], unexpected: [] });
    const ids = calls().map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    await waitFor(
      async () => {
        const { rows } = await on.postgres.query("SELECT count(*)::int AS n FROM events WHERE channel = 'calls'");
        return rows[0].n >= entries.length;
      },
      { what: 'PostgreSQL to hold the log', timeoutMs: 60_000, everyMs: 100 },
    );
    expect(await missingMetrics(on)).toEqual([]);
    await client.close();
  });
});

/** What dashboards and alert rules ask for, and no service tells. */
async function missingMetrics(on: System): Promise<string[]> {
  const told = new Set<string>();
  for (const name of ['ingest', 'relay', 'worker'] as const) {
    const text = await (await fetch(`${on.service(name).internalUrl}/metrics`)).text();
    for (const [, metric = ''] of text.matchAll(/^# TYPE (\S+)/gm)) told.add(metric);
  }
  const asked = ['grafana/relay.json', 'grafana/ingest.json', 'grafana/worker.json', 'prometheus/alerts.yml'].flatMap(
    path => {
      const text = readFileSync(new URL(`../../install/${path}`, import.meta.url), 'utf8');
      return text.match(/\b(?:relay|nodejs|process)_[a-z0-9_]+/g) ?? [];
    },
  );
  expect(asked.length).toBeGreaterThan(60);
  // A histogram is asked for by its parts.
  const isTold = (name: string) => told.has(name) || told.has(name.replace(/_(bucket|count|sum)$/, ''));
  return [...new Set(asked)].filter(name => !isTold(name));
}
