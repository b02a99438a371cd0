import { relayConfig } from '@3cx-relay/relay/config.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { startLocalInfrastructure } from '../../harness/infra.ts';
import { setup as buildPanel } from '../../harness/panel-build.ts';
import { adminSecret } from '../../harness/relay.ts';
import { asService, createServiceLogin } from '../../harness/service-role.ts';

/** A relay in this process that serves the panel as it is built for production, with servers of its own. */
export interface PanelStand {
  readonly url: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly pbxId: string;
  stop(): Promise<void>;
}

const PBX_ID = 'bench';

export async function startPanelStand(): Promise<PanelStand> {
  await buildPanel();
  const logger = createLogger({ name: 'bench', level: 'error' });
  const infra = await startLocalInfrastructure();
  const { redisUrl, databaseUrl } = infra;
  await migrate({ databaseUrl });
  await createServiceLogin(databaseUrl);
  const config = readConfig(relayConfig, {
    ...{ REDIS_URL: redisUrl, DATABASE_URL: asService(databaseUrl), ADMIN_SECRET: adminSecret, PBX_ID },
    ...{ PORT: '0', RELAY_DRAIN_MS: '0' },
  });
  const relay = await createRelay(config, { logger, registry: createMetrics('relay') });
  return {
    ...{ url: `http://127.0.0.1:${relay.port}`, redisUrl, databaseUrl, pbxId: PBX_ID },
    async stop() {
      for (const phase of relay.stop) await phase.run();
      await infra.stop();
    },
  };
}
