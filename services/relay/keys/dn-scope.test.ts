import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { PERMISSIONS } from '@3cx-relay/shared/wire/permissions.ts';
import { expect, test } from 'vitest';
import {
  callsInScope,
  channelScopeOf,
  dnScopeOf,
  isInScope,
  refuseChannel,
  refuseDn,
  refusePermission,
} from './dn-scope.ts';
import type { ApiKey } from './validation.ts';

function keyWith(dns: string[] | null): ApiKey {
  const none = { expiresAt: null, addresses: null, maxConnections: null, requestsPerSecond: null };
  return { id: 1, clientName: 'CRM', permissions: PERMISSIONS, dns, ...none };
}

test('a key with DNs reads calls and health, and is told why nothing else', () => {
  const key = keyWith(['101', '102']);
  expect(CHANNELS.filter(channel => refuseChannel(key, channel) === null)).toEqual(['calls', 'health']);
  expect(refuseChannel(key, 'audit')).toMatchObject({
    status: 403,
    detail: expect.stringContaining(
      'the channel audit tells of every extension, and this key is restricted to DN 101, 102',
    ),
  });
  expect(CHANNELS.every(channel => refuseChannel(keyWith(null), channel) === null)).toBe(true);
});

test('DNs give no permission that the key does not have', () => {
  const key = { ...keyWith(['101']), permissions: ['read'] as const };
  expect(refuseChannel(key, 'errors')?.detail).toBe('the channel errors needs a key with the permission "monitor"');
  const writer = { ...keyWith(null), permissions: ['write'] as const };
  expect(refuseChannel(writer, 'health')?.detail).toBe(
    'the channel health needs a key with the permission "read" or "monitor"',
  );
  expect(refusePermission(key, 'write')?.detail).toBe('this needs a key with the permission "write"');
});

test('of records and entries a key with DNs sees those in which one of them takes part', () => {
  const scope = dnScopeOf(keyWith(['101']));
  expect(refusePermission(keyWith(['101']), 'history')).toBeNull();
  expect(isInScope(['10000', '101'], scope)).toBe(true);
  expect(isInScope(['10000', null, '1010'], scope)).toBe(false);
  expect(isInScope([null], dnScopeOf(keyWith(null)))).toBe(true);
});

test('the scope narrows calls alone', () => {
  expect(channelScopeOf(keyWith(['101']), 'calls')).toEqual(new Set(['101']));
  expect(channelScopeOf(keyWith(['101']), 'health')).toBeNull();
  expect(channelScopeOf(keyWith(null), 'calls')).toBeNull();
});

test('a command is refused for an extension of somebody else, which is named', () => {
  expect(refuseDn(null, '103')).toBeNull();
  expect(refuseDn(['101'], '101')).toBeNull();
  expect(refuseDn(['101'], '10')?.detail).toBe('this key is restricted to DN 101 and may not command for 10');
  const many = Array.from({ length: 20 }, (_, n) => String(n));
  expect(refuseDn(many, '99')?.detail).toContain('DN 0, 1, 2, 3, 4, 5, 6, 7 and 12 more and');
});

const NOBODY = { number: null, name: null, dn: null };
const CALL = { legs: [], formerLegs: [], via: null, caller: NOBODY, callee: NOBODY, answeredBy: null };

test.each([
  [{ legs: [{ dn: '200' }, { dn: '101' }] }, true],
  [{ formerLegs: [{ dn: '101' }] }, true],
  [{ via: { dn: '101', type: 'queue' } }, true],
  [{ caller: { ...NOBODY, dn: '101' } }, true],
  [{ callee: { ...NOBODY, dn: '101' } }, true],
  [{ answeredBy: '101' }, true],
  [{ caller: { ...NOBODY, number: '101', name: '101' }, legs: [{ dn: '1010', party: '101' }] }, false],
  [{}, false],
])('a call with %j is in the scope of 101: %j', (parts, isIn) => {
  const json = JSON.stringify({ ...CALL, ...parts });
  expect(callsInScope({ one: json }, new Set(['101']))).toEqual(isIn ? [json] : []);
  expect(callsInScope({ one: json }, null)).toEqual([json]);
});
