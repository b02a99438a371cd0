import { expect, test } from 'vitest';
import { createStateAges } from './state-ages.ts';

const at = (minute: number) => new Date(minute * 60_000).toISOString();

test('a state is as old as the look that found it, and one that never changed as the first look', () => {
  let minute = 0;
  const ages = createStateAges(() => minute * 60_000);
  const look = (redis: string) => ages.date({ redis: { state: redis }, log: { state: 'up' } });
  expect(look('up').redis).toEqual({ state: 'up', since: at(0), checkedAt: at(0) });
  minute = 5;
  expect(look('up').redis).toEqual({ state: 'up', since: at(0), checkedAt: at(5) });
  minute = 6;
  expect(look('down').redis).toMatchObject({ since: at(6), checkedAt: at(6) });
  minute = 9;
  const last = look('down');
  expect([last.redis.since, last.log.since]).toEqual([at(6), at(0)]);
});

test('whoever knows it better is believed', () => {
  const ages = createStateAges(() => 60_000);
  const { ingest } = ages.date({ ingest: { state: 'up', since: at(-5), checkedAt: at(-1) } });
  expect(ingest).toEqual({ state: 'up', since: at(-5), checkedAt: at(-1) });
});
