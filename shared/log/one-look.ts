import type { ChainableCommander } from 'ioredis';

/** What each command of a transaction answered. @throws what the first that failed answered */
export async function oneLook(transaction: ChainableCommander): Promise<unknown[]> {
  const replies = await transaction.exec();
  if (!replies) throw new Error('Redis did not execute the transaction');
  for (const [error] of replies) if (error) throw error;
  return replies.map(([, value]) => value);
}
