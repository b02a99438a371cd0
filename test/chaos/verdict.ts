import { parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { expect } from 'vitest';
import type { ClientCrowd } from '../harness/client-crowd.ts';
import { checksumOf, GAP_CHECKSUM } from '../harness/delivery-record.ts';
import { compare, entriesLogged, framesSent, type LoggedEntry } from '../harness/ledger.ts';
import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { reasonsOf } from './redness.ts';
import type { Row } from './row.ts';

export type Verdict = Pick<Row, 'sent' | 'logged' | 'delivered' | 'duplicated' | 'missing' | 'gaps' | 'healMs'> & {
  /** What is wrong, in words; empty when everything is told. */
  problems: string[];
};

/** Numbers that the log itself says it lost: they may have been seen before, and need not have been. */
type LostNumbers = readonly { readonly from: number; readonly to: number }[];

const KEPT_PROBLEMS = 12;
const HEAL_WITHIN_MS = 90_000;

/**
 * Holds four accounts against each other once everything is at rest: the simulator's frames, the log, PostgreSQL, and what
 * each client got. What no gap announces and is missing somewhere, or stands there twice, is a problem.
 *
 * @throws when the parts do not come to rest
 */
export async function judge(
  system: System,
  crowds: readonly ClientCrowd[],
  options: {
    /** Since when the time to heal counts, `performance.now()`. */
    healingSince?: number;
  } = {},
): Promise<Verdict> {
  const since = options.healingSince ?? performance.now();
  const timeoutMs = HEAL_WITHIN_MS;
  await logToBeStill(system, timeoutMs);
  const head = async () => Number(await system.redis.hget(system.keys.meta('calls'), 'seq'));
  for (const crowd of crowds) {
    await waitFor(
      async () => {
        const last = await head();
        return (await crowd.accounts()).every(({ lastSeq }) => lastSeq >= last);
      },
      { what: `every ${crowd.kind} client at the head`, timeoutMs },
    ).catch(async error => {
      const places = (await crowd.accounts()).map(({ lastSeq }) => lastSeq);
      throw new Error(`the head is ${await head()}, clients are at ${[...new Set(places)].join(', ')}`, {
        cause: error,
      });
    });
  }
  await waitFor(async () => (await persistedTo(system)) >= (await head()), {
    what: 'PostgreSQL at the head',
    timeoutMs,
  });
  // It takes a while to see that all is still, which is nobody's.
  const healMs = Math.round(performance.now() - since) - STILL_MS;

  // Meanwhile the log may go on: to read the accounts keeps the machine busy, and a connection may break over it.
  const until = await head();
  const entries = (await entriesLogged(system)).filter(({ id }) => Number.parseInt(id, 10) <= until);
  const gaps = entries.filter(({ type }) => type === 'gap');
  const lost = lostNumbers(gaps, entries);
  const frames = compare(await framesSent(system), entries);
  const problems: string[] = [];
  const verdict: Verdict = {
    sent: frames.framesDelivered,
    logged: frames.framesLogged,
    delivered: 0,
    duplicated: frames.unexpected.length,
    missing: 0,
    gaps: gaps.length,
    healMs,
    problems,
  };
  verdict.missing += frames.missing.length;
  if (frames.missing.length > 0) problems.push(`frames in no entry and at no gap: ${some(frames.missing)}`);
  problems.push(...frames.unexpected.slice(0, KEPT_PROBLEMS).map(text => `no such frame was sent here: ${text}`));
  await compareRows(system, { entries, until }, verdict);
  for (const crowd of crowds) await compareClients(crowd, { entries, lost, until }, verdict);
  return { ...verdict, ...sinceLast(system, verdict) };
}

type Totals = Pick<Verdict, 'sent' | 'logged' | 'delivered' | 'gaps'>;

const totals = new WeakMap<System, Totals>();

/** Of what was compared as a whole, what came since it was compared last: faults that share a system have rows of their own. */
function sinceLast(system: System, { sent, logged, delivered, gaps }: Verdict): Totals {
  const now: Totals = { sent, logged, delivered, gaps };
  const before = totals.get(system);
  totals.set(system, now);
  // A log that was begun again has fewer than before: then all that it has is new.
  const since = (total: number | null, earlier: number | null = 0) =>
    total === null || earlier === null || total < earlier ? total : total - earlier;
  return {
    sent: since(sent, before?.sent),
    logged: since(logged, before?.logged),
    delivered: since(delivered, before?.delivered),
    gaps: since(gaps, before?.gaps) ?? 0,
  };
}

export function expectNothingLost({ problems, missing, duplicated }: Verdict): void {
  expect(problems).toEqual([]);
  expect({ missing, duplicated }).toEqual({ missing: 0, duplicated: 0 });
}

const STILL_MS = 1_200;

/** Waits until ingest has nothing in hand any more. */
export async function logToBeStill(system: System, timeoutMs: number): Promise<void> {
  await waitFor(async () => (await reasonsOf(system, 'ingest')).length === 0, {
    what: 'ingest to be ready',
    timeoutMs,
  });
  let last = -1;
  await waitFor(
    async () => {
      const seq = Number(await system.redis.hget(system.keys.meta('calls'), 'seq'));
      const isStill = seq === last;
      last = seq;
      return isStill;
    },
    { what: 'the log to be still', timeoutMs, everyMs: STILL_MS },
  );
}

async function persistedTo(system: System): Promise<number> {
  const { rows } = await system.postgres.query<{ seq: number }>(
    "SELECT seq::float8 AS seq FROM log_positions WHERE channel = 'calls'",
  );
  return rows[0]?.seq ?? 0;
}

function lostNumbers(gaps: readonly LoggedEntry[], entries: readonly LoggedEntry[]): LostNumbers {
  const numbers = entries.map(({ id }) => Number.parseInt(id, 10));
  return gaps
    .filter(({ body }) => /"reason":"log_(?:rolled_back|reset)"/.test(body))
    .map(({ id }) => {
      const at = Number.parseInt(id, 10);
      return { from: (numbers[numbers.indexOf(at) - 1] ?? 0) + 1, to: at - 1 };
    });
}

const isIn = (lost: LostNumbers, seq: number) => lost.some(({ from, to }) => seq >= from && seq <= to);

async function compareRows(
  system: System,
  { entries, until }: { entries: readonly LoggedEntry[]; until: number },
  verdict: Verdict,
): Promise<void> {
  const epochs = parseEpochs(await system.redis.hget(system.keys.meta('calls'), 'epochs'));
  const first = Number.parseInt(entries[0]?.id ?? '0', 10);
  const { rows } = await system.postgres.query<{ seq: number; epoch: string; type: string; body: string }>(
    `SELECT seq::float8 AS seq, epoch, type, body::text AS body FROM events
      WHERE channel = 'calls' AND seq BETWEEN $1 AND $2 ORDER BY seq`,
    [first, until],
  );
  const current = new Set(epochs.map(({ epoch }) => epoch));
  const known = new Map(entries.map(entry => [Number.parseInt(entry.id, 10), entry]));
  const lost = lostNumbers(
    entries.filter(({ type }) => type === 'gap'),
    entries,
  );
  const seen = new Set<number>();
  for (const { seq, epoch, type, body } of rows) {
    if (!current.has(epoch) || isIn(lost, seq)) continue;
    const entry = known.get(seq);
    if (seen.has(seq)) verdict.duplicated += 1;
    seen.add(seq);
    if (entry?.type === type && entry.body === body) continue;
    verdict.problems.push(`row ${seq} is not what the log has: ${body.slice(0, 120)}`);
  }
  const missing = [...known.keys()].filter(seq => !seen.has(seq));
  verdict.missing += missing.length;
  if (missing.length > 0) verdict.problems.push(`not in PostgreSQL: ${some(missing)}`);
}

async function compareClients(
  crowd: ClientCrowd,
  truth: { entries: readonly LoggedEntry[]; lost: LostNumbers; until: number },
  verdict: Verdict,
): Promise<void> {
  const accounts = await crowd.accounts();
  const checksums = new Map(
    truth.entries.map(({ id, type, body }) => {
      const text = crowd.kind === 'wire' ? body : JSON.stringify(JSON.parse(body));
      return [Number.parseInt(id, 10), type === 'gap' ? GAP_CHECKSUM : checksumOf(text.slice(1))];
    }),
  );
  for (const [index, account] of accounts.entries()) {
    verdict.delivered = (verdict.delivered ?? 0) + account.received;
    const items = await crowd.items(index);
    const who = `${crowd.kind} client ${index}`;
    verdict.gaps += account.ownGaps.length;
    const seen = new Set<number>();
    let last = 0;
    for (let i = 0; i < items.length; i += 2) {
      const [seq = 0, checksum] = [items[i], items[i + 1]];
      if (seq > truth.until) break;
      if (seen.has(seq)) {
        verdict.duplicated += 1;
        verdict.problems.push(`${who} got ${seq} twice`);
      } else if (seq < last) verdict.problems.push(`${who} got ${seq} after ${last}`);
      else if (checksums.get(seq) !== checksum && !isIn(truth.lost, seq))
        verdict.problems.push(`${who} got under ${seq} what the log does not have`);
      seen.add(seq);
      last = seq;
    }
    // What the log has is nobody's to be told a gap over.
    const missing = [...checksums.keys()].filter(seq => !seen.has(seq));
    verdict.missing += missing.length;
    if (missing.length > 0) verdict.problems.push(`${who} did not get ${some(missing)}`);
    if (verdict.problems.length > KEPT_PROBLEMS) return;
  }
}

function some(numbers: readonly number[]): string {
  const [first, last] = [numbers[0], numbers.at(-1)];
  return numbers.length < 6 ? numbers.join(', ') : `${first} … ${last}, ${numbers.length} in all`;
}
