import { type AuditAnchor, appendAnchor, readAnchors } from '@3cx-relay/shared/audit/anchor-file.ts';
import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectAuditChain, selectAuditHead } from '@3cx-relay/shared/store/audit-log.ts';
import { selectAuditSeals } from '@3cx-relay/shared/store/audit-seals.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';

const HOUR_MS = 3_600_000;

/**
 * Writes the end of the chain into the file of anchors, and into the log of this process, which the system's journal
 * keeps. A chain that does not have the last anchor any more gets no other: the file then goes on saying what was there.
 */
export async function anchorAudit(
  deps: { pool: PostgresPool['pool']; logger: Logger; errors?: ErrorSink; now?: () => number },
  options: { file: string; everyHours: number },
): Promise<'anchored' | 'nothing new' | 'too soon' | 'disagrees'> {
  const now = (deps.now ?? Date.now)();
  const { anchors } = await readAnchors(options.file);
  const last = anchors.at(-1);
  const head = await selectAuditHead(deps.pool);
  const problem = last ? await disagreement(deps.pool, last, head.seq) : null;
  if (problem) {
    const message = `the audit was changed behind the relay's back, or this is another database than before: ${problem}; run "npm run audit:verify", and keep ${options.file}`;
    announce(deps, { component: 'audit', severity: 'critical', message, details: { anchor: last, head: head.seq } });
    return 'disagrees';
  }
  if (head.seq === (last?.seq ?? 0)) return 'nothing new';
  // The absolute value, so that a clock that was set back does not stop the anchors for as long.
  if (last && Math.abs(now - Date.parse(last.at)) < options.everyHours * HOUR_MS) return 'too soon';
  const anchor = { at: new Date(now).toISOString(), seq: head.seq, hash: head.hash.toString('hex') };
  await appendAnchor(options.file, anchor);
  deps.logger.info({ seq: anchor.seq, hash: anchor.hash }, 'the audit is anchored');
  return 'anchored';
}

async function disagreement(pool: PostgresPool['pool'], anchor: AuditAnchor, end: number): Promise<string | null> {
  const { seq, hash } = anchor;
  if (seq > end) return `the chain ends at ${end}, and at ${anchor.at} it had ${seq} entries`;
  const seal = (await selectAuditSeals(pool)).find(({ lastSeq }) => lastSeq >= seq);
  // Inside what was sealed nothing is left to compare with.
  if (seal && seal.lastSeq > seq) return null;
  const [entry] = seal
    ? [{ hash: seal.lastHash }]
    : await selectAuditChain(pool, {}, { after: seq - 1, before: seq + 1, newestFirst: false, limit: 1 });
  return entry?.hash.toString('hex') === hash ? null : `entry ${seq} is not the one of ${anchor.at}`;
}
