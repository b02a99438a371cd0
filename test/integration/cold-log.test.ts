import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { insertEvents } from '@3cx-relay/shared/store/events.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ColdLog, createColdLog } from '../../services/relay/replay/cold-log.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const EPOCHS = [{ epoch: 'abcdefgh', first: 1 }];
let database: TestDatabase;
let store: PostgresPool;
let cold: ColdLog;
let asked: ReturnType<typeof vi.spyOn>;

beforeEach(async () => {
  database = await createTestDatabase();
  const logger = createLogger({ name: 'test', level: 'silent' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
  asked = vi.spyOn(store.pool, 'query');
  cold = createColdLog({ pool: store.pool }, { maxReads: 2 });
});

afterEach(async () => {
  await store.stop();
  await database.drop();
});

const oldest = (hotOldest: number) => cold.oldest({ channel: 'calls', epochs: EPOCHS, oldest: hotOldest });

async function copy(seq: number, epoch = 'abcdefgh'): Promise<void> {
  const nobody = { dn: null, call: null, event: null };
  const entry: LogEntry = {
    ...nobody,
    channel: 'calls',
    epoch,
    seq,
    type: 'x',
    at: seq,
    body: '{"at":"x"}',
  };
  await inTransaction(store.pool, client => insertEvents(client, 'calls', [entry]));
}

test('PostgreSQL is not asked for the oldest entry of a channel that was never written', async () => {
  expect(await cold.oldest({ channel: 'calls', epochs: [], oldest: 1 })).toBeNull();
  expect(asked).not.toHaveBeenCalled();
});

test('that PostgreSQL has nothing is asked once until Redis begins elsewhere, and then what was copied is found', async () => {
  expect(await oldest(5)).toBeNull();
  expect(await oldest(5)).toBeNull();
  expect(asked).toHaveBeenCalledTimes(1);
  await copy(5);
  expect(await oldest(6)).toBe(5);
  expect(await oldest(6)).toBe(5);
  expect(asked).toHaveBeenCalledTimes(2);
});

test('where numbers began again, what an earlier epoch has behind its end is nobody’s oldest', async () => {
  await copy(558);
  await copy(35, 'bbbbbbbb');
  const epochs = [...EPOCHS, { epoch: 'bbbbbbbb', first: 2 }];
  expect(await cold.oldest({ channel: 'calls', epochs, oldest: 299 })).toBe(35);
});
