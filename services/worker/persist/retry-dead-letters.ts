import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { isServerTrouble } from '@3cx-relay/shared/store/data-error.ts';
import { type DeadLetter, markDeadLetter, selectOpenDeadLetters } from '@3cx-relay/shared/store/dead-letters.ts';
import { insertEvents, putEvent } from '@3cx-relay/shared/store/events.ts';
import { lockPosition } from '@3cx-relay/shared/store/log-positions.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import { EVENTS } from './dead-letters.ts';
import { fillOf } from './tables/fill-tables.ts';
import type { Filling } from './tables/filling.ts';

/**
 * Tries once more what PostgreSQL refused, oldest first: after an upgrade, or when somebody mended a constraint. Each in
 * a transaction of its own, with the channel's position locked, because it may be the same rows that the copying changes.
 */
export interface Retried {
  readonly resolved: number;
  /** Refused again; their dead letters say why. */
  readonly refused: number;
}

export interface RetryDeps {
  readonly pool: PostgresPool['pool'];
  readonly months: Filling['months'];
}

const PAGE = 100;
const BUSY_TRIES = 50;
const BUSY_WAIT_MS = 50;

export async function retryDeadLetters(
  deps: RetryDeps & { readonly logger: Logger },
  signal: AbortSignal,
): Promise<Retried> {
  let resolved = 0;
  let refused = 0;
  let after = 0;
  while (!signal.aborted) {
    const letters = await selectOpenDeadLetters(deps.pool, { after, limit: PAGE });
    for (const letter of letters) {
      if (signal.aborted) break;
      if (await retry(deps, letter)) resolved += 1;
      else refused += 1;
      after = letter.id;
    }
    if (letters.length < PAGE) break;
  }
  if (resolved + refused > 0) deps.logger.info({ resolved, refused }, 'tried dead letters again');
  return { resolved, refused };
}

/** @throws when PostgreSQL is away, or the channel is not free */
async function retry({ pool, months }: RetryDeps, letter: DeadLetter): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await inTransaction(pool, async client => {
      if (!(await lockPosition(client, letter.entry.channel)).locked) return 'busy';
      const refusal = await tryOnce({ client, months }, letter);
      await markDeadLetter(client, letter.id, refusal);
      return refusal ? 'refused' : 'resolved';
    });
    if (outcome !== 'busy') return outcome === 'resolved';
    if (attempt === BUSY_TRIES) throw new Error(`the channel "${letter.entry.channel}" is being copied all the time`);
    await sleep(BUSY_WAIT_MS);
  }
}

async function tryOnce(
  filling: Omit<Filling, 'onUnstorable'>,
  letter: DeadLetter,
): Promise<{ error: unknown } | undefined> {
  const { client } = filling;
  await client.query('SAVEPOINT letter');
  try {
    await store(filling, letter);
    return undefined;
  } catch (error) {
    if (isServerTrouble(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT letter');
    return { error };
  }
}

async function store(filling: Omit<Filling, 'onUnstorable'>, { entry, target }: DeadLetter): Promise<void> {
  if (target === EVENTS) {
    const { client } = filling;
    if (!(await putEvent(client, entry))) await insertEvents(client, entry.channel, [entry]);
    return;
  }
  const fill = fillOf(entry.channel, target);
  if (!fill) throw new Error(`nothing fills ${target} from "${entry.channel}" in this version`);
  const onUnstorable = async (_: unknown, error: unknown) => {
    throw error;
  };
  await fill({ ...filling, onUnstorable }, [entry]);
}
