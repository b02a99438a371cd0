import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { AuditAction } from '@3cx-relay/shared/wire/audit-actions.ts';
import type { RouterContext } from '@koa/router';
import { actorOf } from '../keys/validation.ts';
import { clientAddress } from './client-address.ts';
import { keyOf, type RelayState } from './require-permission.ts';

/** What leaves, and what was asked for. */
export interface ExportedFile {
  readonly action: Extract<AuditAction, 'history.export' | 'records.export'>;
  readonly target: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type TellExport = (outcome: 'begun' | 'done' | 'cut_off', more: Readonly<Record<string, unknown>>) => void;

/** For two entries of each export: of one that ends with the relay there is still the first. */
export function auditExport(
  context: RouterContext<RelayState>,
  audit: AuditLog,
  { details, ...file }: ExportedFile,
): TellExport {
  const actor = actorOf(keyOf(context.state));
  const address = clientAddress(context.req);
  return (outcome, more) => audit.write({ ...file, actor, address, outcome, details: { ...details, ...more } });
}
