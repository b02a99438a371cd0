import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import type { NewKeyInput } from './key-input.ts';

/** Who does something to keys, and from where, as the audit has it. */
export type KeyOperator = Pick<AuditRecord, 'actor' | 'address'>;

/** What was done to a key, with everything about it but the key itself. */
export type KeyOperation = { readonly id: number; readonly by: KeyOperator } & (
  | { readonly action: 'api_key.create'; readonly prefix: string; readonly input: NewKeyInput }
  | { readonly action: 'api_key.revoke'; readonly clientName: string; readonly prefix: string }
  | {
      readonly action: 'api_key.rotate';
      readonly clientName: string;
      readonly oldExpiresAt: Date;
      readonly replacedBy: { readonly id: number; readonly prefix: string };
    }
);

/** For who is only a name: a shell, or a program. */
export function operatorNamed(name: string): KeyOperator {
  return { actor: { kind: 'system', id: name, name }, address: null };
}

export function toKeyAudit(operation: KeyOperation): AuditRecord {
  const { action, id, by } = operation;
  return {
    action,
    ...by,
    target: `api_key:${id}`,
    outcome: 'done',
    details: detailsOf(operation),
  };
}

function detailsOf(operation: KeyOperation): AuditRecord['details'] {
  switch (operation.action) {
    case 'api_key.create': {
      const { clientName, permissions, restrictions } = operation.input;
      return { clientName, prefix: operation.prefix, permissions, ...restrictions };
    }
    case 'api_key.revoke':
      return { clientName: operation.clientName, prefix: operation.prefix };
    case 'api_key.rotate': {
      const { clientName, oldExpiresAt, replacedBy } = operation;
      return { clientName, expiresAt: oldExpiresAt, replacedBy };
    }
  }
}
