import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lateness } from './lateness.ts';

let nowMs: number;
let lateness: Lateness;

beforeEach(() => {
  nowMs = 1_000_000;
  lateness = new Lateness(() => nowMs);
});

afterEach(() => lateness.stop());

test('a process that reads as things come is never late', () => {
  for (let i = 0; i < 20; i += 1) {
    nowMs += 900;
    expect(lateness.since).toBeNull();
  }
});

test('after standing still it is late since before, until a ping of afterwards is answered', () => {
  const before = lateness.question();
  nowMs += 20_000;
  expect(lateness.since).toBe(1_000_000);
  lateness.answered(before);
  expect(lateness.since).toBe(1_000_000);
  nowMs += 10;
  const after = lateness.question();
  lateness.answered(after);
  expect(lateness.since).toBeNull();
});

test('what stood still twice is late since the first time', () => {
  nowMs += 5_000;
  expect(lateness.since).toBe(1_000_000);
  nowMs += 5_000;
  expect(lateness.since).toBe(1_000_000);
});

test('who holds the other side back is late since then, until a ping of afterwards is answered', () => {
  nowMs += 500;
  const before = lateness.question();
  lateness.paused();
  nowMs += 500;
  lateness.answered(lateness.question());
  lateness.resumed();
  lateness.answered(before);
  expect(lateness.since).toBe(1_000_500);
  lateness.answered(lateness.question());
  expect(lateness.since).toBeNull();
});

test('an answer without our question says nothing', () => {
  nowMs += 5_000;
  expect(lateness.since).toBe(1_000_000);
  lateness.answered('');
  lateness.answered('something else');
  expect(lateness.since).toBe(1_000_000);
});
