/**
 * What stands in the audit, as a list that its writers and whoever shows it share: what is not in it does not compile.
 * An entry keeps its name for ever, so nothing is taken out of here while entries may have it.
 */
export const AUDIT_ACTIONS = [
  'sign_in',
  'sign_out',
  'setup',
  'setup.code',
  'session.end',
  'password.confirm',
  'password.change',
  'totp.enable',
  'totp.disable',
  'totp.new_recovery_codes',
  'user.create',
  'user.update',
  'user.reset_password',
  'user.remove_totp',
  'user.unlock',
  'address.unlock',
  'api_key.create',
  'api_key.rotate',
  'api_key.revoke',
  'wallboard.create',
  'wallboard.revoke',
  'client.disconnect',
  'connection.reconnect',
  'config.change',
  'job.retry',
  'dead_letters.retry',
  'error.acknowledge',
  'errors.export',
  'history.export',
  'records.export',
  'history.erase',
  'audit.verify',
  'audit.seal',
  'audit.redact',
  'backup.restore',
  'call.make',
  'call.drop',
  'call.answer',
  'call.divert',
  'call.route',
  'call.transfer',
  'call.attach_participant_data',
  'call.attach_party_data',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/**
 * `admin`: somebody who is signed in to the panel, whatever his role. `system`: a service, or whoever has a shell.
 * `anonymous`: nobody knows who.
 */
export const AUDIT_ACTOR_KINDS = ['admin', 'api_key', 'system', 'anonymous'] as const;

export type AuditActorKind = (typeof AUDIT_ACTOR_KINDS)[number];
