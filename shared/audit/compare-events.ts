import {
  type AuditPosition,
  type AuditStep,
  selectAuditEventPositions,
  selectAuditPositions,
} from '../store/audit-positions.ts';
import type { PostgresClient } from '../store/transaction.ts';
import { formatPosition, type LogPosition } from '../wire/position.ts';
import type { AuditBreak } from './verify-chain.ts';

const PAGE = 10_000;

/**
 * The chain beside the persisted entries of channel `audit`: each must have the other. Both are read in the order of the
 * log, so that nothing has to be kept in memory.
 *
 * `since`: where the chain begins in the log. `keptFrom`: Unix ms; events from before may be gone by retention.
 */
export async function compareWithEvents(
  client: PostgresClient,
  { since, keptFrom }: { since: LogPosition | null; keptFrom: number },
): Promise<{ readonly events: number; readonly broken: AuditBreak | null }> {
  const chain = pages(since, after => selectAuditPositions(client, { after, limit: PAGE }));
  const events = pages(since, after => selectAuditEventPositions(client, { after, limit: PAGE }));
  let link = await chain.next();
  let event = await events.next();
  let count = 0;
  while (!link.done || !event.done) {
    const order = compare(link.done ? null : link.value, event.done ? null : event.value);
    if (order > 0 && !event.done) return { events: count, broken: notChained(event.value) };
    if (order < 0 && !link.done && link.value.at >= keptFrom) return { events: count, broken: notInEvents(link.value) };
    if (order >= 0) {
      count += 1;
      event = await events.next();
    }
    if (order <= 0) link = await chain.next();
  }
  return { events: count, broken: null };
}

async function* pages<Step extends AuditPosition>(
  since: LogPosition | null,
  read: (after: LogPosition | null) => Promise<Step[]>,
): AsyncGenerator<Step, undefined> {
  let after = since;
  for (;;) {
    const page = await read(after);
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = { epoch: last.epoch, seq: last.logSeq };
  }
}

/** The end comes after everything. */
function compare(one: AuditPosition | null, other: AuditPosition | null): number {
  if (!one || !other) return one ? -1 : 1;
  if (one.epoch !== other.epoch) return one.epoch < other.epoch ? -1 : 1;
  return one.logSeq - other.logSeq;
}

function notChained({ epoch, logSeq }: AuditPosition): AuditBreak {
  const position = formatPosition({ epoch, seq: logSeq });
  return { seq: null, what: 'event', message: `the audit entry at ${position} was copied, but is not in the chain` };
}

function notInEvents({ seq, epoch, logSeq }: AuditStep): AuditBreak {
  const position = formatPosition({ epoch, seq: logSeq });
  return { seq, what: 'event', message: `entry ${seq} is in the chain, but its event at ${position} is gone` };
}
