import type { APIKeyManager } from '../../keys/api-key-manager.ts';
import type { ValidateHolder } from '../../keys/validation.ts';
import type { AdminSessions } from '../auth/sessions.ts';
import { toSessionKey } from './session-key.ts';

/** Says of a key or of a session what it may do now. `sessions` is null where there is no panel. */
export function createValidateHolder(
  apiKeys: Pick<APIKeyManager, 'validateKeyId'>,
  sessions: Pick<AdminSessions, 'find'> | null,
): ValidateHolder {
  return async id => {
    if (typeof id === 'number') return apiKeys.validateKeyId(id);
    const session = await sessions?.find(id);
    if (!session || session.user.mustChangePassword || session.user.mustSetUpSecondFactor)
      return { ok: false, reason: 'unknown' };
    return { ok: true, key: toSessionKey(session) };
  };
}
