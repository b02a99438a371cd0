import type { AuditContent } from '@3cx-relay/shared/audit/audit-hash.ts';
import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import {
  type AuditEntry,
  redactAuditContent,
  redactionRecord,
  selectAuditChain,
} from '@3cx-relay/shared/store/audit-log.ts';
import type { Erasing } from './erase-events.ts';
import { pseudonymise } from './pseudonymise.ts';

/** How the chain is told. */
export interface ChainWriter {
  /** Resolves when the log has them. */
  readonly audit: (records: readonly AuditRecord[]) => Promise<void>;
  /** Copies everything that the log has into PostgreSQL. */
  readonly persistAll: () => Promise<void>;
  readonly by: AuditRecord['actor'];
}

const PAGE = 500;

/**
 * Entries of the chain: first the chain is told what each of them will say, then they say it. A run that died between
 * left announcements that nobody carried out; the entries still hold the number and are announced again.
 */
export async function eraseAuditContents(erasing: Erasing, chain: ChainWriter): Promise<number> {
  const announced: AuditRecord[] = [];
  const seqs: number[] = [];
  for await (const entry of entriesOf(erasing)) {
    const content = redact(entry, erasing);
    if (!content) continue;
    announced.push(redactionRecord(entry.seq, content, { actor: chain.by, address: null }));
    seqs.push(entry.seq);
  }
  if (announced.length === 0) return 0;
  await chain.audit(announced);
  await chain.persistAll();
  for (const seq of seqs) {
    if (!(await redactAuditContent(erasing.pool, seq)))
      throw new Error(`the redaction of audit entry ${seq} is not in the chain`);
  }
  return seqs.length;
}

async function* entriesOf({ pool, key }: Erasing): AsyncGenerator<AuditEntry, void, undefined> {
  for (let after = 0; ; ) {
    const entries = await selectAuditChain(pool, {}, { after, before: null, newestFirst: false, limit: PAGE });
    yield* entries.filter(entry => `${entry.target ?? ''} ${entry.details}`.replace(/\D/g, '').includes(key));
    const last = entries.at(-1);
    if (!last || entries.length < PAGE) return;
    after = last.seq;
  }
}

/** Null when nothing in it is about the number. */
function redact(entry: AuditEntry, { pseudonym }: Erasing): AuditContent | null {
  const details = pseudonymise(entry.details, pseudonym);
  const target = pseudonymise(JSON.stringify(entry.target), pseudonym);
  if (details === null && target === null) return null;
  const { action, actorKind, actorId, actorName, address, outcome } = entry;
  return {
    ...{ action, actorKind, actorId, actorName, address, outcome },
    target: target === null ? entry.target : (JSON.parse(target) as string | null),
    details: details ?? entry.details,
  };
}
