import type { AuditRecord } from '../log/audit-entry.ts';
import type { AuditAction } from '../wire/audit-actions.ts';
import type { Actor, CallAction, CallCommand } from './call-command.ts';

const AUDITED_AS: Readonly<Record<CallAction, AuditAction>> = {
  makecall: 'call.make',
  drop: 'call.drop',
  answer: 'call.answer',
  divert: 'call.divert',
  routeto: 'call.route',
  transferto: 'call.transfer',
  attach_participant_data: 'call.attach_participant_data',
  attach_party_data: 'call.attach_party_data',
};

/** What somebody wanted, when it never became a command. */
export interface CallAttempt {
  readonly action: CallAction;
  readonly actor: Actor;
  readonly address: string | null;
  /** A DN, or a participant as it was named; null when the request was not read so far. */
  readonly subject: string | null;
  readonly idempotencyKey?: string | undefined;
  /** Why not, as a stable code and as a sentence. */
  readonly code: string;
  readonly message: string;
}

const MAX_SUBJECT = 100;

export function toAttemptAudit({ action, subject, idempotencyKey, ...attempt }: CallAttempt): AuditRecord {
  const { actor, address, code, message } = attempt;
  return {
    action: AUDITED_AS[action],
    actor,
    address,
    target: subject?.slice(0, MAX_SUBJECT) ?? null,
    outcome: 'not_executed',
    details: { code, message, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
  };
}

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
