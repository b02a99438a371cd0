import { setImmediate as turn } from 'node:timers/promises';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { expect, test } from 'vitest';
import { watchRows } from '../../services/relay/changes/row-watch.ts';
import { createTestDatabase } from '../harness/database.ts';
import { waitFor } from '../harness/wait-for.ts';

test('a watch that is stopped while it connects or reads gives its connection back at once', async () => {
  const database = await createTestDatabase();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const store = createPool({ databaseUrl: database.url, name: 'test', max: 1, logger });
  const watching = async () => {
    const open = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'relay watches rows'`;
    return (await store.pool.query<{ n: number }>(open)).rows[0]?.n;
  };
  let reading = Promise.withResolvers<void>();
  const rows = {
    ...{ what: 'rows', parseId: Number, forget: () => undefined, idsInUse: () => [] },
    listen: async () => undefined,
    review: () => reading.promise,
  };
  const watch = () => watchRows(rows, { databaseUrl: database.url, sweepMs: 600_000 }, logger);
  await watch().stop();
  reading.resolve();
  await waitFor(async () => (await watching()) === 0, { what: 'nothing to be connected' });
  reading = Promise.withResolvers();
  const second = watch();
  await waitFor(async () => (await watching()) === 1, { what: 'the second to read' });
  const stopping = second.stop();
  reading.resolve();
  await stopping;
  await waitFor(async () => (await watching()) === 0, { what: 'the second to be gone' });
  expect(await watching()).toBe(0);
  await store.stop();
  await database.drop();
});

test('rows that are asked about soon after each other are read together', async () => {
  const database = await createTestDatabase();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const reviewed: (readonly number[])[] = [];
  const rows = {
    ...{ what: 'rows', parseId: Number, forget: () => undefined, idsInUse: () => [] },
    listen: async () => undefined,
    review: async (_: unknown, ids: readonly number[]) => void reviewed.push(ids),
  };
  const watch = watchRows(rows, { databaseUrl: database.url, sweepMs: 600_000 }, logger);
  await waitFor(() => reviewed.length > 0, { what: 'the first sweep', everyMs: 1 });
  for (const id of [1, 2, 3]) {
    await turn();
    watch.check(id);
  }
  await waitFor(() => reviewed.flat().length === 3, { what: 'all of them to be read' });
  expect(reviewed.slice(1)).toEqual([[1, 2, 3]]);
  await watch.stop();
  await database.drop();
});
