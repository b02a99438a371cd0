import { acknowledgementEntry, occurrenceEntry } from '@3cx-relay/shared/errors/error-event.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { expect, test } from 'vitest';
import {
  addNewErrors,
  countNewErrors,
  decodeNewError,
  type NewError,
  NO_NEW_ERRORS,
} from '../../admin-ui/src/lib/live/new-errors.ts';

/** What the panel counts as new of what channel `errors` tells. */
const message = ({ type, body }: NewEntry) => ({ type, ...JSON.parse(body) });
const occurrence = { component: 'log', severity: 'error', message: 'went wrong', details: {}, service: null } as const;
const error: NewError = { component: 'log', severity: 'error', message: 'went wrong' };

test('an error is one, and an acknowledgement is none', () => {
  const entry = occurrenceEntry(0, { ...occurrence, fingerprint: 'f', suppressed: 0 });
  expect(decodeNewError(message(entry))).toEqual(error);
  expect(decodeNewError(message(acknowledgementEntry(0, 'ada', [{ id: 'a', fingerprint: 'f' }])))).toBeNull();
  expect(decodeNewError({ type: 'gap' })).toBeNull();
});

test('those are counted that are wanted and were not seen', () => {
  const three = addNewErrors(addNewErrors(NO_NEW_ERRORS, [error]), [error, { ...error, component: 'redis' }]);
  const isOfLog = ({ component }: NewError) => component === 'log';
  expect(countNewErrors(three, 0, () => true)).toEqual({ count: 3, isMore: false });
  expect(countNewErrors(three, 1, isOfLog)).toEqual({ count: 1, isMore: false });
  expect(countNewErrors(three, 3, isOfLog)).toEqual({ count: 0, isMore: false });
  // After the panel has begun to count anew.
  expect(countNewErrors(three, 9, isOfLog)).toEqual({ count: 0, isMore: false });
});

test('of more than are kept it is said that there are more', () => {
  const many = addNewErrors(NO_NEW_ERRORS, Array<NewError>(1_500).fill(error));
  expect(countNewErrors(many, 0, () => true)).toEqual({ count: 1_000, isMore: true });
  expect(countNewErrors(many, 600, () => true)).toEqual({ count: 900, isMore: false });
});
