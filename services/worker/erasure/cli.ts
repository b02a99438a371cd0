import { text } from 'node:stream/consumers';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { commonConfig, databaseConfig, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { eraseNumber } from './erase-number.ts';
import { openErasure } from './open-erasure.ts';

/**
 * Erases telephone numbers from a shell, one a line on stdin: arguments are visible to every user of the machine. One
 * line of JSON for each number, without it. Exit code 1: failed, and the number is to be given again.
 */
const WITHIN_MS = 3_600_000;
/** Looking through all errors may take long. */
const STATEMENT_TIMEOUT_MS = 600_000;

const logger = createLogger({ name: 'erasure', level: 'silent' });

async function eraseAll(numbers: readonly string[]): Promise<void> {
  const config = readConfig({ ...commonConfig, ...databaseConfig }, process.env);
  const keys = createLogKeys(config.PBX_ID);
  const { redis, ...connection } = connectRedis(config.REDIS_URL, { name: 'erasure', logger });
  const { pool, ...store } = createPool({
    databaseUrl: config.DATABASE_URL,
    name: 'relay erasure',
    max: 2,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    logger,
  });
  try {
    const by = { kind: 'system', id: 'command line', name: 'command line' } as const;
    const deps = openErasure({ redis, keys, pool, by }, AbortSignal.timeout(WITHIN_MS));
    for (const number of numbers) console.log(JSON.stringify(await eraseNumber(deps, number)));
  } finally {
    await Promise.all([store.stop(), connection.stop()]);
  }
}

try {
  const numbers = (await text(process.stdin)).split(/\r?\n/).filter(line => line.trim() !== '');
  if (numbers.length === 0) throw new Error('no telephone number came on stdin, one a line');
  await eraseAll(numbers);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
