import { expect, test } from 'vitest';
import { formatStatus } from './format-status.ts';
import type { Status } from './read-status.ts';

const nothing: Status = {
  ...{ version: null, release: null, units: null, health: null, components: {}, pbx: null, extensions: null },
  ...{ calls: null, eventsPerSecond: null, lag: null, clients: null, spoolBytes: null, missing: [] },
};

test.each([
  [{ monitored: 7, total: 10, missing: ['105', '108'] }, '7 of 10 monitored, not 105, 108, …'],
  [{ monitored: 9, total: 10, missing: ['105'] }, '9 of 10 monitored, not 105'],
  [{ monitored: 10, total: 10, missing: [] }, '10 of 10 monitored'],
  [{ monitored: 7, total: null, missing: [] }, '7 of – monitored'],
  [{ monitored: null, total: null, missing: [] }, '–'],
])('of extensions %j it says "%s"', (extensions, said) => {
  const line = formatStatus({ ...nothing, extensions })
    .split('\n')
    .find(each => each.includes('extensions'));
  expect(line?.endsWith(said)).toBe(true);
});
