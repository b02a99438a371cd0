import { beforeEach, expect, test } from 'vitest';
import { FirstSigns } from './first-signs.ts';

const NOBODY: ReadonlySet<string> = new Set();
const T0 = 1_000_000;
const LIVE = { isAfterGap: false };
const ringing = { key: '101/1', status: 'Ringing' };
const connected = { key: '101/1', status: 'Connected' };

let signs: FirstSigns;

beforeEach(() => {
  signs = new FirstSigns({ sameMomentMs: 3_000 });
});

test('a call that begins with its frame began then', () => {
  signs.looked(T0, NOBODY);
  expect(signs.inFrame(ringing, T0 + 60_000)).toEqual({ at: T0 + 60_000, isWatched: true });
});

test('a call whose first frame came without its entity began with that frame', () => {
  signs.looked(T0, NOBODY);
  signs.unresolved('101/1', T0 + 10_000);
  signs.unresolved('101/1', T0 + 12_000);
  expect(signs.inFrame(connected, T0 + 20_000)).toMatchObject({ isWatched: true, startedAt: T0 + 10_000 });
  signs.unresolved('102/2', T0 + 10_000);
  expect(signs.inSnapshot('102/2', T0 + 20_000, LIVE)).toMatchObject({ isWatched: false, startedAt: T0 + 10_000 });
});

test('whoever left, or was seen in a snapshot, gave his sign for nothing that comes later', () => {
  signs.unresolved('101/1', T0);
  signs.gone('101/1');
  signs.unresolved('102/2', T0);
  signs.unresolved('103/3', T0);
  signs.looked(T0 + 1_000, new Set(['103/3']));
  expect(signs.inFrame(connected, T0 + 9_000)).not.toHaveProperty('startedAt');
  expect(signs.inFrame({ ...connected, key: '102/2' }, T0 + 9_000)).not.toHaveProperty('startedAt');
  expect(signs.inFrame({ ...connected, key: '103/3' }, T0 + 9_000)).toMatchObject({ startedAt: T0 });
});

test('of a call that only a snapshot shows the start is known when the look before was a moment ago', () => {
  signs.looked(T0, NOBODY);
  expect(signs.inSnapshot('101/1', T0 + 3_000, LIVE)).toEqual({ at: T0 + 3_000, isWatched: true });
  expect(signs.inSnapshot('101/1', T0 + 3_001, LIVE)).toEqual({ at: T0 + 3_001, isWatched: false });
  expect(signs.inSnapshot('101/1', T0 + 1_000, { isAfterGap: true }).isWatched).toBe(false);
});

test('while nobody has looked since the connection, who is connected when first seen may have been there before', () => {
  signs.looked(T0, NOBODY);
  signs.unresolved('101/1', T0 + 1);
  signs.connectionLost();
  signs.unresolved('101/1', T0 + 4_000);
  expect(signs.inFrame(connected, T0 + 5_000)).toMatchObject({ startedAt: null });
  expect(signs.inFrame(ringing, T0 + 5_000)).not.toHaveProperty('startedAt');
});
