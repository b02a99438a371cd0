import { type AuditEntry, selectAuditChain } from '../store/audit-log.ts';
import type { AuditSeal } from '../store/audit-seals.ts';
import type { PostgresClient } from '../store/transaction.ts';
import { formatPosition } from '../wire/position.ts';
import type { AuditAnchor } from './anchor-file.ts';
import { contentDigest, linkHash, REDACT_ACTION, SEAL_ACTION } from './audit-hash.ts';

/** The first thing that is wrong. */
export interface AuditBreak {
  /** Of the entry, or of the one that is not there; null where the wrong is not in the chain. */
  readonly seq: number | null;
  readonly what: 'missing' | 'order' | 'hash' | 'content' | 'anchor' | 'seal' | 'event';
  readonly message: string;
}

export interface ChainWalk {
  readonly entries: number;
  readonly redacted: number;
  readonly first: AuditEntry | null;
  readonly last: AuditEntry | null;
  readonly broken: AuditBreak | null;
}

export interface Proof {
  readonly seals: readonly AuditSeal[];
  /** Only those behind the last seal. */
  readonly anchors: readonly AuditAnchor[];
}

const PAGE = 2_000;

/**
 * Proves the chain entry by entry, from the last seal to its end, in pages: memory stays the same for any length but
 * for the redactions, which must be known before the entries they speak of.
 */
export async function verifyChain(client: PostgresClient, { seals, anchors }: Proof): Promise<ChainWalk> {
  const lastSeal = seals.at(-1);
  if (!lastSeal)
    return nothing({ seq: null, what: 'seal', message: 'the beginning of the chain, its first seal, is gone' });
  const attested = await readRedactions(client);
  const anchored = Map.groupBy(anchors, ({ seq }) => seq);
  const announced = new Set<string>();
  let previous: { seq: number; hash: Buffer; position: string } = {
    seq: lastSeal.lastSeq,
    hash: lastSeal.lastHash,
    position: lastSeal.lastPosition ? formatPosition(lastSeal.lastPosition) : '',
  };
  let first: AuditEntry | null = null;
  let last: AuditEntry | null = null;
  let entries = 0;
  let redacted = 0;

  // From the very first number, not from the seal: what was put in front of the chain must not go unseen.
  for await (const entry of walk(client)) {
    const position = formatPosition({ epoch: entry.epoch, seq: entry.logSeq });
    const wrong = breakOfLink(previous, entry, position) ?? breakOfAnchor(entry, anchored.get(entry.seq) ?? []);
    const content = wrong ? 'original' : stateOfContent(entry, attested.get(entry.seq) ?? []);
    const broken = wrong ?? (content === 'changed' ? changed(entry) : null);
    if (broken) return { entries, redacted, first, last, broken };
    if (content === 'redacted') redacted += 1;
    if (entry.action === SEAL_ACTION) announced.add(sealName(JSON.parse(entry.details)));
    entries += 1;
    first ??= entry;
    last = entry;
    previous = { seq: entry.seq, hash: entry.hash, position };
  }
  const broken = breakAtEnd({ last: previous.seq, lastSeal, announced, anchors });
  return { entries, redacted, first, last, broken };
}

async function* walk(client: PostgresClient, actions?: readonly string[]): AsyncGenerator<AuditEntry> {
  let after: number | null = null;
  for (;;) {
    const page: AuditEntry[] = await selectAuditChain(
      client,
      { actions },
      { after, before: null, newestFirst: false, limit: PAGE },
    );
    yield* page;
    after = page.at(-1)?.seq ?? null;
    if (page.length < PAGE) return;
  }
}

interface Redaction {
  readonly at: number;
  readonly digest: string;
}

/** By the number of the entry that was redacted. Each is an entry itself, and proved as such when the walk gets there. */
async function readRedactions(client: PostgresClient): Promise<ReadonlyMap<number, Redaction[]>> {
  const redactions = new Map<number, Redaction[]>();
  for await (const { seq: at, details } of walk(client, [REDACT_ACTION])) {
    const said = parse(details);
    if (typeof said.seq !== 'number' || typeof said.contentDigest !== 'string') continue;
    const before = redactions.get(said.seq) ?? [];
    redactions.set(said.seq, [...before, { at, digest: said.contentDigest }]);
  }
  return redactions;
}

function breakOfLink(
  previous: { seq: number; hash: Buffer; position: string },
  entry: AuditEntry,
  position: string,
): AuditBreak | null {
  const { seq } = entry;
  const expected = previous.seq + 1;
  if (seq > expected) return { seq: expected, what: 'missing', message: `entry ${expected} is missing` };
  if (seq < expected)
    return {
      seq,
      what: 'order',
      message: `entry ${seq} stands before the beginning of the chain, which is ${expected}`,
    };
  if (!entry.prevHash.equals(previous.hash) || position <= previous.position)
    return {
      seq,
      what: 'order',
      message: `entry ${seq} does not follow the one before it: entries were exchanged, inserted or removed here`,
    };
  if (!linkHash(previous.hash, { ...entry, position }).equals(entry.hash))
    return { seq, what: 'hash', message: `entry ${seq} was changed: its hash is that of other values` };
  return null;
}

function breakOfAnchor({ seq, hash }: AuditEntry, anchors: readonly AuditAnchor[]): AuditBreak | null {
  const other = anchors.find(anchor => anchor.hash !== hash.toString('hex'));
  if (!other) return null;
  const message = `entry ${seq} is not the one that was anchored at ${other.at}: the chain was built anew`;
  return { seq, what: 'anchor', message };
}

function stateOfContent(entry: AuditEntry, redactions: readonly Redaction[]): 'original' | 'redacted' | 'changed' {
  let digest: Buffer;
  try {
    digest = contentDigest(entry.salt, entry);
  } catch {
    return 'changed';
  }
  if (digest.equals(entry.contentDigest)) return 'original';
  if (entry.action === REDACT_ACTION || entry.action === SEAL_ACTION) return 'changed';
  const hex = digest.toString('hex');
  return redactions.some(redaction => redaction.at > entry.seq && redaction.digest === hex) ? 'redacted' : 'changed';
}

function changed({ seq }: AuditEntry): AuditBreak {
  return { seq, what: 'content', message: `the content of entry ${seq} was changed, and no later entry says so` };
}

function breakAtEnd(end: {
  last: number;
  lastSeal: AuditSeal;
  announced: ReadonlySet<string>;
  anchors: readonly AuditAnchor[];
}): AuditBreak | null {
  const { last, lastSeal, announced, anchors } = end;
  const beyond = anchors.find(({ seq }) => seq > last);
  if (beyond) {
    const message = `the chain ends at ${last}, but at ${beyond.at} it had ${beyond.seq} entries: its end was cut off`;
    return { seq: last + 1, what: 'anchor', message };
  }
  const { lastSeq, lastHash } = lastSeal;
  if (lastSeq > 0 && !announced.has(sealName({ lastSeq, lastHash: lastHash.toString('hex') }))) {
    const message = `the entries up to ${lastSeq} were removed, and no entry says so`;
    return { seq: lastSeq, what: 'seal', message };
  }
  return null;
}

function sealName(seal: { lastSeq?: unknown; lastHash?: unknown }): string {
  return `${String(seal.lastSeq)} ${String(seal.lastHash)}`;
}

function parse(details: string): { readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(details);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function nothing(broken: AuditBreak): ChainWalk {
  return { entries: 0, redacted: 0, first: null, last: null, broken };
}
