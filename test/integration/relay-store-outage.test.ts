import { relayConfig } from '@3cx-relay/relay/config.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
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
