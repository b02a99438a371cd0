import { randomUUID } from 'node:crypto';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { trimLog } from '@3cx-relay/shared/log/trim.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type pg from 'pg';
import type { EraseDeps } from './erase-number.ts';

/** Channels in which a telephone number may stand; the others name components, routes and keys. */
const CHANNELS: readonly Channel[] = ['calls', 'errors', 'audit'];
const LOOK_EVERY_MS = 100;
const NOTHING_KEPT = Number.MAX_SAFE_INTEGER;

/** What an erasure needs of the log. Copying is the worker's: here it is only waited for. */
export function openErasure(
  to: { redis: Redis; keys: LogKeys; pool: pg.Pool; by: EraseDeps['by'] },
  signal: AbortSignal,
): EraseDeps {
  const { redis, keys, pool, by } = to;
  const writerId = `erasure-${randomUUID()}`;
  let written = 0;
  return {
    pool,
    by,
    async audit(records) {
      const entries = records.map(record => auditEntry(Date.now(), record));
      const batch = { writerId, firstWriterSeq: written + 1, entries, highestKnownSeq: 0 };
      await appendToLog({ redis, keys, channel: 'audit' }, batch);
      written += entries.length;
    },
    async persistAll() {
      const heads = await Promise.all(CHANNELS.map(channel => readLogInfo(redis, keys, channel)));
      for (;;) {
        signal.throwIfAborted();
        const positions = await readPositions(pool);
        const isBehind = heads.some(({ channel, epochs, head }) => {
          const at = positions.get(channel);
          const epoch = epochs.at(-1)?.epoch;
          return epoch !== undefined && !(at && (at.epoch > epoch || (at.epoch === epoch && at.seq >= head)));
        });
        if (!isBehind) return;
        await sleep(LOOK_EVERY_MS, signal);
      }
    },
    async forgetPersisted() {
      const positions = await readPositions(pool);
      for (const channel of CHANNELS) {
        const persisted = positions.get(channel);
        const limits = { tooOldBefore: NOTHING_KEPT, keepNewest: NOTHING_KEPT };
        if (persisted) await trimLog({ redis, keys, channel }, { persisted, ...limits }, signal);
      }
    },
  };
}
