import { type AuditSeal, selectAuditSeals } from '../store/audit-seals.ts';
import type { PostgresPool } from '../store/pool.ts';
import { inTransaction } from '../store/transaction.ts';
import { type AuditAnchor, readAnchors } from './anchor-file.ts';
import { GENESIS_HASH } from './audit-hash.ts';
import { compareWithEvents } from './compare-events.ts';
import { type AuditBreak, verifyChain } from './verify-chain.ts';

/** What the audit was found to be, at one moment. */
export interface AuditReport {
  readonly isIntact: boolean;
  /** Null when nothing is. */
  readonly broken: AuditBreak | null;
  /** Entries that were proved. */
  readonly entries: number;
  /** Of them, those whose content was replaced, as a later entry says. */
  readonly redacted: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  /** The last entry that retention took. */
  readonly sealedUpTo: number;
  /** Persisted entries that were found in the chain. */
  readonly events: number;
  readonly anchors: {
    readonly checked: number;
    /** Inside what was sealed. */
    readonly unverifiable: number;
    readonly unreadable: number;
    readonly last: AuditAnchor | null;
  };
}

/**
 * Proves the audit, or names the first thing that is wrong. Everything is read from one snapshot, while others write.
 *
 * @throws when PostgreSQL or the file of anchors cannot be read
 */
export async function verifyAudit(
  pool: PostgresPool['pool'],
  options: { anchorFile: string; keptFrom: number },
): Promise<AuditReport> {
  // Before the snapshot: an anchor made after it could be of an entry that the snapshot does not have.
  const { anchors, unreadable } = await readAnchors(options.anchorFile);
  return inTransaction(pool, async client => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const seals = await selectAuditSeals(client);
    const last = seals.at(-1);
    const sealedUpTo = last?.lastSeq ?? 0;
    const sealed = anchors.filter(({ seq }) => seq <= sealedUpTo);
    const unverifiable = sealed.filter(({ seq }) => !seals.some(({ lastSeq }) => lastSeq === seq)).length;
    const walk = await verifyChain(client, { seals, anchors: anchors.filter(({ seq }) => seq > sealedUpTo) });
    let broken = breakOfSeals(seals, sealed) ?? walk.broken;
    let events = 0;
    if (!broken) {
      const since = last?.lastPosition ?? null;
      ({ events, broken } = await compareWithEvents(client, { since, keptFrom: options.keptFrom }));
    }
    return {
      isIntact: broken === null,
      broken,
      entries: walk.entries,
      redacted: walk.redacted,
      firstSeq: walk.first?.seq ?? null,
      lastSeq: walk.last?.seq ?? null,
      firstAt: walk.first ? new Date(walk.first.at) : null,
      lastAt: walk.last ? new Date(walk.last.at) : null,
      sealedUpTo,
      events,
      anchors: { checked: anchors.length - unverifiable, unverifiable, unreadable, last: anchors.at(-1) ?? null },
    };
  });
}

/** Each seal begins where the one before it ended; an anchor of a seal's end must be that end. */
function breakOfSeals(seals: readonly AuditSeal[], anchors: readonly AuditAnchor[]): AuditBreak | null {
  let ended = -1;
  for (const { firstSeq, lastSeq, lastHash } of seals) {
    const isGenesis = ended === -1;
    const isWhole = isGenesis ? lastSeq === 0 && lastHash.equals(GENESIS_HASH) : firstSeq === ended + 1;
    if (!isWhole)
      return { seq: firstSeq, what: 'seal', message: `the seal up to ${lastSeq} does not follow the one before it` };
    ended = lastSeq;
    const other = anchors.find(({ seq, hash }) => seq === lastSeq && hash !== lastHash.toString('hex'));
    if (other) {
      const message = `the seal up to ${lastSeq} is not of the entry that was anchored at ${other.at}`;
      return { seq: lastSeq, what: 'anchor', message };
    }
  }
  return null;
}
