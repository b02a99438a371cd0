import type { AuditAction, AuditActorKind } from '../wire/audit-actions.ts';
import type { NewEntry } from './entry.ts';

/** One sensitive operation for channel `audit`: who did what to whom, and what came of it. Telephone numbers may stand in it, secrets never. */
export interface AuditRecord {
  readonly action: AuditAction;
  readonly actor: { readonly kind: AuditActorKind; readonly id: string; readonly name: string };
  /** IP address the request came from; null when there was none. */
  readonly address: string | null;
  /** What it was done to, for example `101:8107`. */
  readonly target: string | null;
  /** `done`, or in one word why not. */
  readonly outcome: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Readers filter by the action. */
export function auditEntry(at: number, record: AuditRecord): NewEntry {
  const { action, actor, address, target, outcome, details } = record;
  const data = { action, actor, address, target, outcome, details };
  return { type: 'audit', at, event: action, body: JSON.stringify({ at: new Date(at).toISOString(), data }) };
}
