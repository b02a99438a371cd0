import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, expect, test } from 'vitest';
import { type ConnectionSchedule, createConnectionSchedule, type ScheduleOptions } from './schedule.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let schedule: ConnectionSchedule;
let looks = 0;

function start(options: ScheduleOptions): ConnectionSchedule {
  looks = 0;
  const monitor = {
    async checkAll() {
      looks += 1;
      return [];
    },
  };
  schedule = createConnectionSchedule({ monitor, logger }, options);
  return schedule;
}

afterEach(() => schedule.stop());

test('a job of the schedule is a look, and ingest stays quiet', async () => {
  start({ patienceMs: 60_000, everyMs: 0 });
  await schedule.tick();
  await schedule.tick();
  expect(looks).toBe(2);
  expect(schedule.drivenBy).toBe('schedule');
});

test('a run that comes right behind another is dropped', async () => {
  start({ patienceMs: 60_000, everyMs: 60_000 });
  await schedule.tick();
  await schedule.tick();
  expect(looks).toBe(1);
});

test('without jobs ingest looks by itself and says so, until one arrives', async () => {
  start({ patienceMs: 30, everyMs: 10 });
  await expect.poll(() => looks).toBeGreaterThan(2);
  expect(schedule.drivenBy).toBe('ingest');
  await schedule.tick();
  expect(schedule.drivenBy).toBe('schedule');
});

test('once stopped it looks no more', async () => {
  start({ patienceMs: 20, everyMs: 10 });
  await expect.poll(() => looks).toBeGreaterThan(0);
  schedule.stop();
  const before = looks;
  await new Promise(resolve => setTimeout(resolve, 60));
  expect(looks).toBe(before);
});
