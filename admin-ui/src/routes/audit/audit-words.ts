import type { StoredAudit } from '@3cx-relay/shared/wire/history.ts';
import type { Tone } from '../../lib/format/words.ts';

/** Offered while somebody types; every other action is understood as well. */
export const ACTION_WORDS: Readonly<Record<string, string>> = {
  sign_in: 'Signed in',
  setup: 'Set the relay up',
  'session.end': 'Ended sessions',
  'password.confirm': 'Confirmed a password',
  'password.change': 'Changed a password',
  'user.create': 'Made a user',
  'user.update': 'Changed a user',
  'api_key.create': 'Made an API key',
  'api_key.rotate': 'Rotated an API key',
  'api_key.revoke': 'Revoked an API key',
  'connection.reconnect': 'Reconnected',
  'config.change': 'Changed settings',
  'history.export': 'Exported history',
  'history.erase': 'Erased a number',
  'call.make': 'Made a call',
  'call.drop': 'Ended a call',
};

/** Outcomes on the way, which are no end yet and nothing bad. */
const UNDER_WAY = ['begun', 'requested', 'accepted', 'second_factor_required'];

export function outcomeTone(outcome: string | null): Tone {
  if (outcome === 'done') return 'ok';
  return outcome === null || UNDER_WAY.includes(outcome) ? 'calm' : 'warn';
}

export function outcomeWord(outcome: string | null): string {
  if (outcome === null) return 'Not told';
  const words = outcome.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function actorName({ actor }: Pick<StoredAudit, 'actor'>): string {
  return actor.name ?? actor.id ?? 'Nobody';
}

const ACTOR_WORDS: Readonly<Record<string, string>> = {
  user: 'user',
  key: 'API key',
  api_key: 'API key',
  shell: 'shell',
};

export function actorKind({ actor }: Pick<StoredAudit, 'actor'>): string | null {
  return actor.kind === null ? null : (ACTOR_WORDS[actor.kind] ?? actor.kind.replaceAll('_', ' '));
}
