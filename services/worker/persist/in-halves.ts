import { isRefusedByData } from '@3cx-relay/shared/store/data-error.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';

/**
 * Stores items in one statement, and when PostgreSQL refuses their data, in two for each half, until what it refuses
 * stands alone: one item that cannot be stored must not stop the others, nor the channel they came from.
 */
export interface Storing<Item> {
  readonly client: PostgresClient;
  readonly store: (items: readonly Item[]) => Promise<void>;
  readonly onRefused: (item: Item, error: unknown) => Promise<void> | void;
  /** Which errors are the fault of the items; those of their data unless told. Others are thrown. */
  readonly isRefusal?: (error: unknown) => boolean;
}

export async function storeInHalves<Item>(storing: Storing<Item>, items: readonly Item[]): Promise<void> {
  const [first, ...others] = items;
  if (first === undefined) return;
  const refusal = await tryStore(storing, items);
  if (!refusal) return;
  if (others.length === 0) {
    await storing.onRefused(first, refusal.error);
    return;
  }
  const middle = Math.ceil(items.length / 2);
  await storeInHalves(storing, items.slice(0, middle));
  await storeInHalves(storing, items.slice(middle));
}

/** A savepoint keeps the transaction, and with it the lock on the channel, alive when the statement is refused. */
async function tryStore<Item>(
  { client, store, isRefusal = isRefusedByData }: Storing<Item>,
  items: readonly Item[],
): Promise<{ error: unknown } | null> {
  await client.query('SAVEPOINT batch');
  try {
    await store(items);
    await client.query('RELEASE SAVEPOINT batch');
    return null;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT batch');
    return { error };
  }
}
