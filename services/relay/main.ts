import { readConfig, unknownKeys } from '@3cx-relay/shared/runtime/config.ts';
import { readSettings } from '@3cx-relay/shared/runtime/credentials.ts';
import { exitBeforeStart, runService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { relayConfig } from './config.ts';
import { createRelay } from './relay.ts';

try {
  const settings = readSettings(process.env);
  const config = readConfig(relayConfig, settings);
  const logger = createLogger({ name: 'relay', level: config.LOG_LEVEL });
  const registry = createMetrics('relay');
  for (const key of unknownKeys(relayConfig, settings, 'RELAY_'))
    logger.warn({ key }, `the setting ${key} is not known and has no effect`);

  await runService({
    name: 'relay',
    logger,
    registry,
    internalPort: config.INTERNAL_PORT,
    internalHost: config.INTERNAL_HOST,
    start: () => createRelay(config, { logger, registry }),
  });
} catch (error) {
  exitBeforeStart('relay', null, error);
}
