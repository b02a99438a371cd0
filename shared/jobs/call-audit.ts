import type { AuditRecord } from '../log/audit-entry.ts';
import type { CallAction, CallCommand } from './call-command.ts';

const AUDITED_AS: Readonly<Record<CallAction, string>> = {
  makecall: 'call.make',
  drop: 'call.drop',
  answer: 'call.answer',
  divert: 'call.divert',
  routeto: 'call.route',
  transferto: 'call.transfer',
  attach_participant_data: 'call.attach_participant_data',
  attach_party_data: 'call.attach_party_data',
};

/** A command for the audit, whoever writes it: ingest when it came that far, else the relay. Of attached data only the names. */
export function toCallAudit(
  command: CallCommand,
  { outcome, details }: { outcome: string; details: Readonly<Record<string, unknown>> },
): AuditRecord {
  const { commandId, action, dn, participantId, deviceId, destination, reason, attachedData, idempotencyKey } = command;
  return {
    action: AUDITED_AS[action],
    actor: command.actor,
    address: command.address,
    target: participantId === undefined ? dn : `${dn}:${participantId}`,
    outcome,
    details: {
      commandId,
      ...(deviceId === undefined ? {} : { deviceId }),
      ...(destination === undefined ? {} : { destination }),
      ...(reason === undefined ? {} : { reason }),
      ...(attachedData === undefined ? {} : { attachedData: Object.keys(attachedData) }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...details,
    },
  };
}
