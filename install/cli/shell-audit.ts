import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { commonConfig } from '@3cx-relay/shared/runtime/config.ts';
import { auditFromShell, COMMAND_LINE } from '../../services/relay/audit-from-shell.ts';
import { requireSettings, type Settings } from './settings.ts';
import { silent } from './stores.ts';

const config = { REDIS_URL: commonConfig.REDIS_URL.optional(), PBX_ID: commonConfig.PBX_ID };

/** Writes what was done into the audit; `what` names it in the sentence that says that this was not possible. */
export async function tellAudit(
  settings: Settings,
  record: Pick<AuditRecord, 'action' | 'target' | 'details'> & Partial<Pick<AuditRecord, 'actor' | 'outcome'>>,
  what: string,
): Promise<void> {
  const { REDIS_URL: redisUrl, PBX_ID: pbxId } = requireSettings(settings, config);
  const actor = { kind: 'system', id: COMMAND_LINE, name: COMMAND_LINE } as const;
  const whole = { actor, address: null, outcome: 'done', ...record };
  await auditFromShell(whole, { redisUrl, pbxId, logger: silent, what });
}
