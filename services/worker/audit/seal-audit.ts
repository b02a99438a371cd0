import { SEAL_ACTION } from '@3cx-relay/shared/audit/audit-hash.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectAuditChain } from '@3cx-relay/shared/store/audit-log.ts';
import { sealAudit, selectAuditSeals, selectSealable } from '@3cx-relay/shared/store/audit-seals.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { z } from 'zod';

const DAY_MS = 24 * 3600 * 1_000;
/** Removing so many takes a few seconds, far less than a statement may take. */
const MAX_ENTRIES = 100_000;

const seal = z.object({ lastSeq: z.int() });

/**
 * Retention for the chain, in two runs: one says in the audit which entries are to go, the next, when that has become an
 * entry of the chain itself, removes them. A process that dies between leaves a whole chain, and nobody removes what no
 * entry speaks of. At most once a day, because each time is an entry that is kept as long as the others.
 */
export async function sealPastAudit(
  deps: { pool: PostgresPool['pool']; logger: Logger; audit: Pick<AuditLog, 'write'>; now?: () => number },
  historyDays: number,
): Promise<'sealed' | 'announced' | 'nothing'> {
  const { pool } = deps;
  const sealedUpTo = (await selectAuditSeals(pool)).at(-1)?.lastSeq ?? 0;
  const announced = await lastAnnounced(pool);
  if (announced !== null && announced > sealedUpTo) {
    const entries = await sealAudit(pool, announced);
    deps.logger.info({ entries, upTo: announced }, 'sealed the audit up to its retention');
    return 'sealed';
  }
  const before = new Date((deps.now ?? Date.now)() - historyDays * DAY_MS);
  const [oldest] = await selectAuditChain(pool, {}, { after: null, before: null, newestFirst: false, limit: 1 });
  if (!oldest || oldest.at >= before.getTime() - DAY_MS) return 'nothing';
  const end = await selectSealable(pool, { before, maxEntries: MAX_ENTRIES });
  if (!end) return 'nothing';
  deps.audit.write({
    action: SEAL_ACTION,
    actor: { kind: 'system', id: 'worker', name: 'worker' },
    address: null,
    target: `audit:${oldest.seq}-${end.seq}`,
    outcome: 'done',
    details: { firstSeq: oldest.seq, lastSeq: end.seq, lastHash: end.hash.toString('hex'), before },
  });
  return 'announced';
}

async function lastAnnounced(pool: PostgresPool['pool']): Promise<number | null> {
  const page = { after: null, before: null, newestFirst: true, limit: 1 };
  const [entry] = await selectAuditChain(pool, { actions: [SEAL_ACTION] }, page);
  if (!entry) return null;
  const said = seal.safeParse(JSON.parse(entry.details));
  return said.success ? said.data.lastSeq : null;
}
