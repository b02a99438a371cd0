import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { requireSettings, type Settings } from '../settings.ts';
import { openRedis, silent, storeConfig } from '../stores.ts';
import { runProgram } from '../system.ts';
import type { CheckContext } from './check.ts';
import { readIngestWord } from './ingest-word.ts';

const PROGRAM_TIMEOUT_MS = 8_000;
const STATEMENT_TIMEOUT_MS = 8_000;
const CONNECTIONS = 4;

/** Opens what checks ask for when the first one does. */
export function openContext(settings: Settings): CheckContext & { stop(): Promise<void> } {
  let redis: ReturnType<typeof openRedis> | undefined;
  let store: ReturnType<typeof createPool> | undefined;
  let ingest: ReturnType<CheckContext['ingest']> | undefined;
  const openStore = () => {
    const { DATABASE_URL: databaseUrl } = requireSettings(settings, storeConfig);
    const options = { databaseUrl, name: 'relay command line', max: CONNECTIONS, logger: silent };
    return createPool({ ...options, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  };
  const context: CheckContext = {
    settings,
    installation: settings.installation,
    now: Date.now,
    redis() {
      redis ??= openRedis(settings);
      return redis;
    },
    pool() {
      store ??= openStore();
      return store.pool;
    },
    ingest() {
      ingest ??= Promise.resolve().then(() => {
        const { redis: server, keys } = context.redis();
        return readIngestWord(server, keys);
      });
      return ingest;
    },
    run: (program, ...args) => runProgram(program, args, { timeoutMs: PROGRAM_TIMEOUT_MS }),
  };
  return {
    ...context,
    async stop() {
      await Promise.all([redis?.stop(), store?.stop()]);
    },
  };
}
