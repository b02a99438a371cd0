import { AUDIT_ACTIONS } from '@3cx-relay/shared/wire/audit-actions.ts';
import { expect, test } from 'vitest';
import { actionWord, actorKind, outcomeTone } from '../../admin-ui/src/routes/audit/audit-words.ts';
import { toAdminActor } from '../../services/relay/admin-actor.ts';

/** What the panel makes of the words of an audit entry. */
test('every action that is written has words of its own, and another version’s is shown as it is', () => {
  const words = AUDIT_ACTIONS.map(actionWord);
  expect(words).not.toContain(null);
  expect(new Set(words).size).toBe(AUDIT_ACTIONS.length);
  expect(actionWord('toString')).toBeNull();
  expect(actionWord('call.of_tomorrow')).toBeNull();
});

test('whoever is signed in to the panel is called a user of it, for an entry does not know his role', () => {
  expect(actorKind({ actor: toAdminActor({ id: 1, username: 'bob' }) })).toBe('panel user');
  expect(actorKind({ actor: { kind: 'api_key', id: '7', name: 'CRM' } })).toBe('API key');
  expect(actorKind({ actor: { kind: 'other_kind', id: null, name: null } })).toBe('other kind');
  expect(actorKind({ actor: { kind: null, id: null, name: null } })).toBeNull();
});

test('a chain that proved intact is nothing to be warned of, and a broken one is bad', () => {
  const tones = ['done', 'intact', 'begun', 'second_factor_required', 'failed', 'unchecked', 'broken', null];
  expect(tones.map(outcomeTone)).toEqual(['ok', 'ok', 'calm', 'calm', 'warn', 'warn', 'bad', 'calm']);
});
