import { relayConfig } from '@3cx-relay/relay/config.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReadingClient } from '../chaos/model/reading-client.ts';
import { TRANSPORTS } from '../chaos/model/transports.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';
import { appendTo, fillTiers } from './scale/fill-tiers.ts';

/** PostgreSQL goes away while clients read what only it has. */
const COLD = 300;
const HEAD = 330;
const logger = createLogger({ name: 'test', level: 'silent' });

let owner: TestRelay;
let proxy: TcpProxy;
let relay: Awaited<ReturnType<typeof createRelay>>;
let epoch: string;

beforeEach(async () => {
  owner = await startTestRelay();
  epoch = await fillTiers(owner, { persisted: COLD + 30, hotFrom: COLD + 1, head: HEAD }, 2_000);
  proxy = await startTcpProxy(owner.databaseUrl);
  const config = readConfig(relayConfig, {
    REDIS_URL: owner.redisUrl,
    DATABASE_URL: proxy.url,
    ADMIN_SECRET: adminSecret,
    PBX_ID: owner.pbxId,
    PORT: '0',
    RELAY_DRAIN_MS: '0',
    RELAY_HEARTBEAT_MS: '400',
    RELAY_COMPRESSION: 'true',
    RELAY_CLIENT_BYTES: '16384',
    RELAY_PAGE_ENTRIES: '10',
    RELAY_PAGE_CACHE_BYTES: '0',
  });
  relay = await createRelay(config, { logger, registry: createMetrics('relay') });
});

afterEach(async () => {
  for (const phase of relay.stop) await phase.run();
  await proxy.stop();
  await owner.stop();
});

const at = (seq: number) => `${epoch}_${String(seq).padStart(16, '0')}`;

function clientsAt(place: string): ReadingClient[] {
  return Object.keys(TRANSPORTS).map(transport => {
    const relayUrl = () => `http://127.0.0.1:${relay.port}`;
    const client = new ReadingClient(transport, {}, { apiKey: owner.apiKey, relayUrl });
    client.place = place;
    client.connect();
    return client;
  });
}

function numbersOf({ told }: ReadingClient): number[] {
  return told.map(({ position }) => Number(position?.slice(9)));
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe.each(['cut', 'freeze'] as const)('while PostgreSQL is away (%s)', how => {
  it('who needs it goes on later without loss, who is within Redis notices nothing', { timeout: 90_000 }, async () => {
    const begun = clientsAt('start');
    await waitFor(() => begun.some(({ told }) => told.length >= 20), { what: 'somebody to be reading', everyMs: 1 });
    await proxy[how]();
    const cold = [...begun, ...clientsAt('start')];
    const hot = clientsAt(at(COLD));
    const page = await fetch(`http://127.0.0.1:${relay.port}/relay/events?after=${at(10)}`, {
      headers: { 'x-api-key': owner.apiKey },
    });
    expect(page.status).toBe(503);
    expect(await page.json()).toMatchObject({ code: 'unavailable' });
    await appendTo(owner, 5);
    await waitFor(() => hot.every(({ place }) => place >= at(HEAD + 5)), {
      what: 'those within Redis to be served',
      timeoutMs: 20_000,
    });
    for (const client of hot) expect(numbersOf(client), client.transport).toEqual(range(COLD + 1, HEAD + 5));
    expect(cold.filter(({ told }) => told.length < COLD).length).toBeGreaterThanOrEqual(hot.length);
    await proxy.restore();
    await waitFor(() => cold.every(({ place }) => place >= at(HEAD + 5)), {
      what: 'those behind to be served',
      timeoutMs: 60_000,
    });
    for (const client of cold) expect(numbersOf(client), client.transport).toEqual(range(1, HEAD + 5));
    for (const client of [...hot, ...cold]) client.cut();
  });
});
