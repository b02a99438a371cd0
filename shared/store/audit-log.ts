import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type AuditContent, contentDigest, REDACT_ACTION, SALT_BYTES } from '../audit/audit-hash.ts';
import type { AuditRecord } from '../log/audit-entry.ts';
import { formatPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

const LOCK_CHAIN = loadSql('lock-audit-chain');
const SELECT_HEAD = loadSql('select-audit-head');
const INSERT = loadSql('insert-audit-entries');
const SELECT_UP = loadSql('select-audit-up');
const SELECT_DOWN = loadSql('select-audit-down');
const REDACT = loadSql('redact-audit-content');

/** One entry of the chain, with everything that proves it (audit-hash.ts). */
export interface AuditEntry extends AuditContent {
  /** Without a hole, from 1. */
  readonly seq: number;
  /** Position in channel `audit`. */
  readonly epoch: string;
  readonly logSeq: number;
  /** Unix ms. */
  readonly at: number;
  readonly salt: Buffer;
  /** Of the content as it was first written. */
  readonly contentDigest: Buffer;
  readonly prevHash: Buffer;
  readonly hash: Buffer;
}

export interface AuditFilters {
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly actions?: readonly string[] | undefined;
  /** By id or by name. */
  readonly actors?: readonly string[] | undefined;
  readonly targets?: readonly string[] | undefined;
  readonly outcomes?: readonly string[] | undefined;
}

export interface AuditPage {
  /** Numbers of the chain, both exclusive; null: no end. */
  readonly after: number | null;
  readonly before: number | null;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** An entry as readers outside get it: bytes as hexadecimal text. */
export type ShownAuditEntry = Omit<AuditEntry, 'salt' | 'contentDigest' | 'prevHash' | 'hash' | 'epoch' | 'logSeq'> & {
  readonly position: string;
  readonly salt: string;
  readonly contentDigest: string;
  readonly prevHash: string;
  readonly hash: string;
};

type Querying = pg.Pool | pg.ClientBase;

/** Where the chain ends. Until the transaction does, nobody else makes it longer. */
export async function lockAuditHead(client: pg.ClientBase): Promise<{ readonly seq: number; readonly hash: Buffer }> {
  await client.query(LOCK_CHAIN);
  return selectAuditHead(client);
}

/** The newest entry; before the first one, what that will be bound to. */
export async function selectAuditHead(client: Querying): Promise<{ readonly seq: number; readonly hash: Buffer }> {
  const { rows } = await client.query<{ seq: number; hash: Buffer }>(SELECT_HEAD);
  const [head] = rows;
  if (!head) throw new Error('the chain of the audit has neither an entry nor a seal');
  return head;
}

export async function insertAuditEntries(client: pg.ClientBase, entries: readonly AuditEntry[]): Promise<void> {
  const rows = entries.map(({ salt, contentDigest: digest, prevHash, hash, ...entry }) => ({
    ...entry,
    salt: salt.toString('hex'),
    contentDigest: digest.toString('hex'),
    prevHash: prevHash.toString('hex'),
    hash: hash.toString('hex'),
  }));
  await client.query(INSERT, [JSON.stringify(rows)]);
}

/** With the bytes that prove it. */
export async function selectAuditChain(
  client: Querying,
  filters: AuditFilters,
  page: AuditPage,
): Promise<AuditEntry[]> {
  const { rows } = await client.query<AuditRow>(page.newestFirst ? SELECT_DOWN : SELECT_UP, [
    page.after,
    page.before,
    filters.from ?? null,
    filters.to ?? null,
    filters.actions ?? null,
    filters.actors ?? null,
    filters.targets ?? null,
    filters.outcomes ?? null,
    page.limit,
  ]);
  return rows.map(toEntry);
}

/** A page for people and programs outside, in either direction. */
export async function selectAuditEntries(
  client: Querying,
  filters: AuditFilters,
  page: AuditPage,
): Promise<ShownAuditEntry[]> {
  const entries = await selectAuditChain(client, filters, page);
  return entries.map(({ epoch, logSeq, ...entry }) => ({
    ...entry,
    position: formatPosition({ epoch, seq: logSeq }),
    salt: entry.salt.toString('hex'),
    contentDigest: entry.contentDigest.toString('hex'),
    prevHash: entry.prevHash.toString('hex'),
    hash: entry.hash.toString('hex'),
  }));
}

/**
 * The audit entry that announces a redaction: everything that `redactAuditContent` needs stands in it, so that a process
 * that dies between the two leaves a whole chain, and whoever comes next finishes. `content` must be free of what is to
 * be forgotten; its action is that of the entry.
 */
export function redactionRecord(
  seq: number,
  content: AuditContent,
  by: Pick<AuditRecord, 'actor' | 'address'>,
): AuditRecord {
  const salt = randomBytes(SALT_BYTES);
  const digest = contentDigest(salt, content).toString('hex');
  const details = { seq, contentDigest: digest, salt: salt.toString('hex'), content };
  return { ...by, action: REDACT_ACTION, target: `audit:${seq}`, outcome: 'done', details };
}

/**
 * Replaces the content of an entry, and its salt, by what the announcement in the chain says. False while the chain has
 * no announcement for it: it was not written, or is still on its way through the log.
 */
export async function redactAuditContent(client: Querying, seq: number): Promise<boolean> {
  const { rows } = await client.query<{ redacted: boolean }>(REDACT, [seq]);
  return rows[0]?.redacted ?? false;
}

interface AuditRow {
  seq: number;
  epoch: string;
  log_seq: number;
  at: number;
  action: string;
  actor_kind: string | null;
  actor_id: string | null;
  actor_name: string | null;
  address: string | null;
  target: string | null;
  outcome: string | null;
  details: string;
  salt: Buffer;
  content_digest: Buffer;
  prev_hash: Buffer;
  hash: Buffer;
}

function toEntry(row: AuditRow): AuditEntry {
  return {
    seq: row.seq,
    epoch: row.epoch,
    logSeq: row.log_seq,
    at: Math.round(row.at),
    action: row.action,
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    actorName: row.actor_name,
    address: row.address,
    target: row.target,
    outcome: row.outcome,
    details: row.details,
    salt: row.salt,
    contentDigest: row.content_digest,
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}
