import { readConfig, unknownKeys } from '@3cx-relay/shared/runtime/config.ts';
import { exitBeforeStart, runService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { relayConfig } from './config.ts';
import { createRelay } from './relay.ts';

try {
  const config = readConfig(relayConfig, process.env);
  const logger = createLogger({ name: 'relay', level: config.LOG_LEVEL });
  const registry = createMetrics('relay');
  for (const key of unknownKeys(relayConfig, process.env, 'RELAY_'))
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
