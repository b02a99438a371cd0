import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { startLocalPostgres } from '../../harness/infra.ts';
import { CALL_QUERIES, fillCalls } from './calls.ts';

/** `node test/bench/history/bench-calls.ts [calls]`: fills a database of its own and prints milliseconds. */
const CALLS = Number(process.argv[2] ?? 1_000_000);
const RUNS = 15;

const server = await startLocalPostgres();
await migrate({ databaseUrl: server.url });
const logger = createLogger({ name: 'bench', level: 'silent' });
const store = createPool({ databaseUrl: server.url, name: 'bench', max: 1, logger, statementTimeoutMs: 600_000 });
const startedAt = performance.now();
await fillCalls(store.pool, CALLS);
console.log(`${CALLS} calls in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
for (const query of CALL_QUERIES) {
  const times: number[] = [];
  let rows = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const before = performance.now();
    rows = await query.run(store.pool);
    times.push(performance.now() - before);
  }
  const first = times[0] ?? 0;
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(RUNS / 2)] ?? 0;
  const worst = sorted.at(-1) ?? 0;
  console.log(
    `${median.toFixed(1).padStart(8)} ms median ${first.toFixed(1).padStart(8)} first ${worst.toFixed(1).padStart(8)} worst  ${query.name} (${rows} rows)`,
  );
}
await store.stop();
await server.stop();
