import type { AuditAction, AuditActorKind } from '@3cx-relay/shared/wire/audit-actions.ts';
import type { StoredAudit } from '@3cx-relay/shared/wire/history.ts';
import type { Tone } from '../../lib/format/words.ts';

/** Offered while somebody types; what another version of the relay wrote is understood as well. */
export const ACTION_WORDS: Readonly<Record<AuditAction, string>> = {
  sign_in: 'Signed in',
  sign_out: 'Signed out',
  setup: 'Set the relay up',
  'setup.code': 'Made a set-up code',
  'session.end': 'Ended sessions',
  'password.confirm': 'Confirmed a password',
  'password.change': 'Changed a password',
  'totp.enable': 'Set up a second factor',
  'totp.disable': 'Switched a second factor off',
  'totp.new_recovery_codes': 'Made recovery codes',
  'user.create': 'Made a user',
  'user.update': 'Changed a user',
  'user.reset_password': 'Reset a user’s password',
  'user.remove_totp': 'Removed a user’s second factor',
  'user.unlock': 'Unlocked a user',
  'address.unlock': 'Unlocked an address',
  'api_key.create': 'Made an API key',
  'api_key.rotate': 'Rotated an API key',
  'api_key.revoke': 'Revoked an API key',
  'wallboard.create': 'Made a wallboard',
  'wallboard.revoke': 'Revoked a wallboard',
  'client.disconnect': 'Disconnected a client',
  'connection.reconnect': 'Reconnected',
  'config.change': 'Changed settings',
  'job.retry': 'Ran a job again',
  'dead_letters.retry': 'Retried dead letters',
  'error.acknowledge': 'Acknowledged errors',
  'errors.export': 'Exported errors',
  'history.export': 'Exported history',
  'records.export': 'Exported records of the PBX',
  'history.erase': 'Erased a number',
  'audit.verify': 'Verified the audit',
  'audit.seal': 'Sealed old entries',
  'audit.redact': 'Took a number out of an entry',
  'backup.restore': 'Restored a backup',
  'call.make': 'Made a call',
  'call.drop': 'Ended a call',
  'call.answer': 'Answered a call',
  'call.divert': 'Diverted a call',
  'call.route': 'Routed a call',
  'call.transfer': 'Transferred a call',
  'call.attach_participant_data': 'Attached data to a call',
  'call.attach_party_data': 'Attached data to a party',
};

/** Null for what this version does not know. */
export function actionWord(action: string): string | null {
  return Object.hasOwn(ACTION_WORDS, action) ? ACTION_WORDS[action as AuditAction] : null;
}

/** Outcomes of which nothing is to be asked. */
const GOOD = ['done', 'intact'];

/** Outcomes on the way, which are no end yet and nothing bad. */
const UNDER_WAY = ['begun', 'requested', 'accepted', 'second_factor_required'];

export function outcomeTone(outcome: string | null): Tone {
  if (outcome === null || UNDER_WAY.includes(outcome)) return 'calm';
  if (GOOD.includes(outcome)) return 'ok';
  return outcome === 'broken' ? 'bad' : 'warn';
}

export function outcomeWord(outcome: string | null): string {
  if (outcome === null) return 'Not told';
  const words = outcome.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function actorName({ actor }: Pick<StoredAudit, 'actor'>): string {
  return actor.name ?? actor.id ?? 'Nobody';
}

/** What an entry knows of somebody is that he was signed in to the panel; his role then stands nowhere. */
const ACTOR_WORDS: Readonly<Record<AuditActorKind, string>> = {
  admin: 'panel user',
  api_key: 'API key',
  system: 'system',
  anonymous: 'not signed in',
};

export function actorKind({ actor: { kind } }: Pick<StoredAudit, 'actor'>): string | null {
  if (kind === null) return null;
  return Object.hasOwn(ACTOR_WORDS, kind) ? ACTOR_WORDS[kind as AuditActorKind] : kind.replaceAll('_', ' ');
}
