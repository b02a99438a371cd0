import { relayConfig } from '@3cx-relay/relay/config.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TRANSPORTS } from '../chaos/model/transports.ts';
import { createLogFiller } from '../harness/log-filler.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** An instance of the relay whose PostgreSQL can be away. */
const logger = createLogger({ name: 'test', level: 'silent' });

let first: TestRelay;
let proxy: TcpProxy;
let relay: Awaited<ReturnType<typeof createRelay>>;

beforeEach(async () => {
  first = await startTestRelay();
  proxy = await startTcpProxy(first.databaseUrl);
  const config = readConfig(relayConfig, {
    REDIS_URL: first.redisUrl,
    DATABASE_URL: proxy.url,
    ADMIN_SECRET: adminSecret,
    PBX_ID: first.pbxId,
    PORT: '0',
    RELAY_DRAIN_MS: '0',
  });
  relay = await createRelay(config, { logger, registry: createMetrics('relay') });
});

afterEach(async () => {
  for (const phase of relay.stop) await phase.run();
  await proxy.stop();
  await first.stop();
});

test.each(['cut', 'freeze'] as const)('health is told while keys cannot be checked (%s)', async how => {
  await proxy[how]();
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${relay.port}/relay/health`, {
    headers: { authorization: `Bearer ${first.apiKey}` },
  });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: 'degraded', components: { postgres: { state: 'down' } } });
  await proxy.restore();
});

/** The key is known then, so that it is not what cannot be answered. */
async function useKey(): Promise<void> {
  const client = await connectClient(`http://127.0.0.1:${relay.port}`, first.apiKey);
  await client.waitForMessage('caught_up');
  await client.close();
}

test.each(['cut', 'freeze'] as const)(
  'whoever reads from the start needs no PostgreSQL while Redis has all of it (%s)',
  async how => {
    await useKey();
    // Behind it: the greeting asks PostgreSQL, too, and what that said is good for a while.
    const log = createLogFiller(first);
    await log.fill(50);
    await proxy[how]();
    for (const [transport, open] of Object.entries(TRANSPORTS)) {
      const told: string[] = [];
      const reading = open(`http://127.0.0.1:${relay.port}`, {
        ...{ apiKey: first.apiKey, after: 'start', filter: {} },
        onMessage: text => void (text?.includes('call_event') && told.push(text)),
        onEnd: () => undefined,
      });
      await waitFor(() => told.length >= 50, { what: `${transport} to be served` });
      reading.cut();
    }
    await log.stop();
    await proxy.restore();
  },
);

test('a WebSocket whose query asks for what cannot be read now is told so, and when to come back', async () => {
  const log = createLogFiller(first);
  await log.fill(50);
  await useKey();
  await log.redis.xtrim(log.keys.log('calls'), 'MINID', '31-0');
  await log.stop();
  await proxy.cut();
  const client = await connectClient(`http://127.0.0.1:${relay.port}`, first.apiKey, { after: 'start' });
  expect((await client.closed).code).toBe(1012);
  expect(client.messages).toMatchObject([
    { type: 'hello' },
    { type: 'error', code: 'unavailable' },
    { type: 'reconnect', afterMs: expect.any(Number) },
  ]);
});
