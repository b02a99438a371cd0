import { randomBytes } from 'node:crypto';
import { type AuditContent, contentDigest, linkHash, SALT_BYTES } from '@3cx-relay/shared/audit/audit-hash.ts';
import { canonicalJson } from '@3cx-relay/shared/audit/canonical-json.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { type AuditEntry, insertAuditEntries, lockAuditHead } from '@3cx-relay/shared/store/audit-log.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { z } from 'zod';
import type { Filling } from './filling.ts';

/**
 * Makes the chain longer by every entry of channel `audit`, a gap and what nobody can decode included: what is not in
 * the chain could be removed without a trace. Should PostgreSQL refuse one all the same, the channel stands still and
 * says so, and goes on with nothing missing when the reason is gone.
 */
const LATEST_MS = Date.UTC(9999, 0);

/** Short enough for an index, and without what PostgreSQL refuses in a text. */
const attribute = z
  .string()
  .max(500)
  .refine(text => text.isWellFormed() && !text.includes('\0'));

const body = z.object({
  data: z.strictObject({
    action: attribute,
    actor: z.strictObject({ kind: attribute, id: attribute, name: attribute }),
    address: attribute.nullable(),
    target: attribute.nullable(),
    outcome: attribute,
    details: z.custom<object>(value => typeof value === 'object' && value !== null && !Array.isArray(value)),
  }),
});

export async function fillAuditChain({ client }: Pick<Filling, 'client'>, entries: readonly LogEntry[]): Promise<void> {
  if (entries.length === 0) return;
  let head = await lockAuditHead(client);
  const chained: AuditEntry[] = [];
  for (const entry of entries) {
    const next = chain(head, entry);
    chained.push(next);
    head = next;
  }
  await insertAuditEntries(client, chained);
}

function chain(head: { readonly seq: number; readonly hash: Buffer }, entry: LogEntry): AuditEntry {
  const content = decodeContent(entry);
  const salt = randomBytes(SALT_BYTES);
  const seq = head.seq + 1;
  const at = entry.at >= 0 && entry.at < LATEST_MS ? Math.trunc(entry.at) : Date.now();
  const digest = contentDigest(salt, content);
  const hash = linkHash(head.hash, { seq, at, position: formatPosition(entry), contentDigest: digest });
  const proof = { salt, contentDigest: digest, prevHash: head.hash, hash };
  return { seq, epoch: entry.epoch, logSeq: entry.seq, at, ...content, ...proof };
}

function decodeContent(entry: LogEntry): AuditContent {
  try {
    const json: unknown = JSON.parse(entry.body);
    if (entry.type === 'audit') return toContent(body.parse(json).data);
  } catch {
    // Not JSON, not an audit entry of this version, or nested too deep: whatever it is, it is chained as it came.
  }
  return {
    action: toAction(entry.event ?? entry.type),
    actorKind: null,
    actorId: null,
    actorName: null,
    address: null,
    target: null,
    outcome: null,
    details: canonicalJson({ raw: entry.body }),
  };
}

function toContent({ action, actor, address, target, outcome, details }: z.infer<typeof body>['data']): AuditContent {
  return {
    action,
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    address,
    target,
    outcome,
    details: canonicalJson(details),
  };
}

function toAction(text: string): string {
  return text.slice(0, 100).toWellFormed().replaceAll('\0', '\uFFFD');
}
