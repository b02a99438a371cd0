import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';

/** Entries of one call, in order, out of what Redis holds. */
export interface CallScan {
  readonly entries: readonly LogEntry[];
  /** Looked through up to here; null when nothing was looked at. */
  readonly upTo: LogPosition | null;
  /** There is more behind `upTo` that was not looked at. */
  readonly isCut: boolean;
}

interface ScanDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly info: LogInfo;
}

/** Entries that one request looks at: many more than lie between PostgreSQL and the head while the worker is well. */
const MAX_SCANNED = 100_000;
const SCAN_PAGE = 1_000;
/** The clock of a call's id and that of its first entry are nearly the same. */
const BEFORE_FIRST_SIGHT_MS = 60_000;

/** Up from a number to the head. Null when the log no longer begins there: it was trimmed since `info` was read. */
export async function scanOn(
  { info, ...source }: ScanDeps,
  { callId, from }: { callId: string; from: number },
): Promise<CallScan | null> {
  const entries: LogEntry[] = [];
  const end = Math.min(info.head, from + MAX_SCANNED - 1);
  for (let next = from; next <= end; ) {
    const page = await readPage(
      { ...source, epochs: info.epochs },
      { channel: 'calls', from: next, to: end, count: SCAN_PAGE },
    );
    const first = page[0];
    // Numbers have no holes but before the beginning of an epoch.
    if (!first || (first.seq !== next && !info.epochs.some(start => start.first === first.seq))) return null;
    entries.push(...page.filter(entry => entry.call === callId));
    next = (page.at(-1)?.seq ?? end) + 1;
  }
  const epoch = epochOf(info.epochs, end);
  const upTo = end >= from && epoch !== undefined ? { epoch, seq: end } : null;
  return { entries, upTo, isCut: end < info.head };
}

/** Down from the head to before the call can have begun. Null when that is not reached. */
export async function scanBack({ info, ...source }: ScanDeps, callId: string): Promise<CallScan | null> {
  const bottomMs = firstSightOf(callId) - BEFORE_FIRST_SIGHT_MS;
  const entries: LogEntry[] = [];
  const epoch = epochOf(info.epochs, info.head);
  const upTo = epoch === undefined ? null : { epoch, seq: info.head };
  for (let to = info.head; to > info.head - MAX_SCANNED; ) {
    const page = await readPage(
      { ...source, epochs: info.epochs },
      { channel: 'calls', from: 0, to, count: SCAN_PAGE, newestFirst: true },
    );
    entries.push(...page.filter(entry => entry.call === callId));
    const last = page.at(-1);
    const isPast = last !== undefined && last.at < bottomMs;
    const isBeginning = (last?.seq ?? to + 1) <= (info.epochs[0]?.first ?? 1);
    if (isPast || isBeginning) return { entries: entries.reverse(), upTo, isCut: false };
    if (!last) return null;
    to = last.seq - 1;
  }
  return null;
}

/** Unix ms, from the first part of a call id; NaN for what is no id of ours. */
function firstSightOf(callId: string): number {
  const [, sight] = /^([0-9a-z]{8})-/.exec(callId) ?? [];
  return sight === undefined ? Number.NaN : Number.parseInt(sight, 36);
}
