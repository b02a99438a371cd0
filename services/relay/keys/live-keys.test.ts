import { type CloseVerdict, KEY_CHANGED, KEY_ENDED } from '@3cx-relay/shared/wire/close-codes.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLiveKeys, type LiveKeys } from './live-keys.ts';
import type { ApiKey } from './validation.ts';

const NONE = { expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null };
const DAY_MS = 86_400_000;

let live: LiveKeys;
let registered: number[];
let ended: [name: string, verdict: CloseVerdict][];

beforeEach(() => {
  vi.useFakeTimers();
  registered = [];
  ended = [];
  live = createLiveKeys({ onRegister: id => void registered.push(id) }, { maxConnections: 2 });
});

afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

function key(id: number, more: Partial<ApiKey> = {}): ApiKey {
  return { id, clientName: 'CRM', permissions: ['read'], ...NONE, ...more };
}

const open = (name: string, of: ApiKey) => live.register(of, verdict => void ended.push([name, verdict]));
const inMs = (ms: number) => new Date(Date.now() + ms);

test('a key has as many connections as it may, by itself or by default, and a place is free when one leaves', () => {
  const leave = open('a', key(1));
  expect(open('b', key(1))).not.toBeNull();
  expect(open('c', key(1))).toBeNull();
  expect(live.refusal(key(1))).toMatchObject({ status: 429, code: 'too_many_key_connections' });
  leave?.();
  leave?.();
  expect(live.count(1)).toBe(1);
  expect(open('c', key(1))).not.toBeNull();
  expect(open('d', key(2, { maxConnections: 1 }))).not.toBeNull();
  expect(open('e', key(2, { maxConnections: 1 }))).toBeNull();
  expect(registered).toEqual([1, 1, 1, 2]);
});

test('what waits on a key ends with it, and takes no place', () => {
  const unwatch = live.watch(key(1), verdict => void ended.push(['waits', verdict]));
  live.watch(key(1), () => ended.push(['left', KEY_ENDED]))();
  open('a', key(1));
  open('b', key(1));
  expect(live.count(1)).toBe(2);
  live.review(1, { ok: false, reason: 'revoked' });
  expect(ended).toEqual([
    ['waits', KEY_ENDED],
    ['a', KEY_ENDED],
    ['b', KEY_ENDED],
  ]);
  unwatch();
  expect([live.count(1), ...live.keyIds()]).toEqual([0]);
});

test('connections end when their key expires, the earliest first, however far away that is', () => {
  open('later', key(1, { expiresAt: inMs(40 * DAY_MS) }));
  open('soon', key(2, { expiresAt: inMs(1_000) }));
  open('never', key(3));
  vi.advanceTimersByTime(999);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ended).toEqual([['soon', KEY_ENDED]]);
  vi.advanceTimersByTime(40 * DAY_MS);
  expect(ended.map(([name]) => name)).toEqual(['soon', 'later']);
});

test('a connection on a key that has expired already ends, but not before it was registered', () => {
  expect(open('a', key(1, { expiresAt: inMs(-1) }))).not.toBeNull();
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ended).toEqual([['a', KEY_ENDED]]);
});

test('an expiry that moves under a connection counts', () => {
  open('a', key(1));
  live.review(1, { ok: true, key: key(1, { expiresAt: inMs(5_000) }) });
  live.review(1, { ok: true, key: key(1, { expiresAt: inMs(9_000) }) });
  vi.advanceTimersByTime(8_999);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ended).toEqual([['a', KEY_ENDED]]);
});

test.each<[string, Partial<ApiKey>]>([
  ['permissions', { permissions: [] }],
  ['DNs', { dns: ['101'] }],
  ['addresses', { addresses: ['10.0.0.0/8'] }],
])('a key with other %s ends the connections that began before, and those after stay', (_, change) => {
  open('before', key(1));
  open('after', key(1, change));
  live.review(1, { ok: true, key: key(1, change) });
  expect(ended).toEqual([['before', KEY_CHANGED]]);
});

test('other limits and another name end no connection', () => {
  open('a', key(1));
  live.review(1, { ok: true, key: key(1, { maxConnections: 1, requestsPerSecond: 1, clientName: 'ERP' }) });
  live.review(7, { ok: false, reason: 'unknown' });
  expect(ended).toEqual([]);
});
