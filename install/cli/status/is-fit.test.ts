import { expect, test } from 'vitest';
import { isFit } from './is-fit.ts';

test.each([
  ['ok', 'failed', false, true],
  ['degraded', 'active', false, true],
  ['down', 'active', false, false],
  [null, 'active', false, false],
  [null, 'active', true, true],
  [null, 'failed', true, false],
])('with the health %s and a unit that is %s (relay elsewhere: %s) it is fit: %s', (health, unit, isElsewhere, fit) => {
  expect(isFit({ health, units: { 'a.service': unit } }, isElsewhere)).toBe(fit);
});
