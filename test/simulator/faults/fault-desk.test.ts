import { expect, test } from 'vitest';
import { createManualClock } from '../pbx/clock.ts';
import { FaultDesk } from './fault-desk.ts';

test('a fault is over after its count or its time, whichever is first', () => {
  const clock = createManualClock();
  const desk = new FaultDesk(clock);
  desk.add({ kind: 'http-error', path: '/callcontrol', status: 503, count: 2, spanMs: 1000 });
  expect(desk.take(['http-error'], '/connect/token')).toBeNull();
  expect(desk.take(['http-error'], '/callcontrol/101')?.status).toBe(503);
  clock.advance(1000);
  expect(desk.take(['http-error'], '/callcontrol/101')).toBeNull();

  desk.add({ kind: 'not-found', count: 1 });
  expect(desk.take(['http-error'], '/callcontrol')).toBeNull();
  expect(desk.take(['not-found'], '/callcontrol')).not.toBeNull();
  expect(desk.active()).toEqual([]);
});
