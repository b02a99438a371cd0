import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { expect, test } from 'vitest';
import { ConnectionMonitor } from '../monitor/connection-monitor.ts';
import { reportComponents } from './report-components.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

/** A monitor whose components are as the test says, and what was told of them. */
function createStand(before: { database?: 'up' | 'down'; xapi?: string } = {}) {
  const now = {
    ...{ database: true, isConfigured: true, xapi: true, refusal: null as string | null },
    /** What XAPI refuses although it answers. */
    part: null as string | null | undefined,
  };
  const answer = async (isUp: boolean, name: string) => {
    if (!isUp) throw new Error(`${name} refuses`);
  };
  const xapi = () => answer(now.xapi, 'xapi');
  const monitor = new ConnectionMonitor(
    {
      get isConfigured() {
        return now.isConfigured;
      },
      check: () => answer(now.database, 'database'),
      connect: async () => undefined,
    },
    {
      check: xapi,
      reconnect: xapi,
      get refusal() {
        return now.part;
      },
    },
    { state: 'down', openSince: null, error: 'closed with 1006', reconnect: () => undefined },
  );
  if (before.database) {
    const at = new Date().toISOString();
    const earlier = { state: before.database, latencyMs: null, error: null, since: at, checkedAt: at };
    monitor.restore([{ component: 'database', ...earlier }]);
  }
  if (before.xapi !== undefined) {
    const at = new Date().toISOString();
    monitor.restore([
      { component: 'xapi', state: 'degraded', latencyMs: 1, error: before.xapi, since: at, checkedAt: at },
    ]);
  }
  const told: string[] = [];
  const errors = {
    logError: (component: string, severity: string, message: string) => {
      told.push(`${component} ${severity}`);
      messages.push(message);
    },
  };
  const messages: string[] = [];
  reportComponents(monitor, { logger, errors, toldRefusal: () => now.refusal });
  return { now, monitor, told, messages };
}

test('each change is told once, with the reason, and what stays as it is not at all', async () => {
  const { now, monitor, told, messages } = createStand();
  await monitor.checkAll();
  expect(told).toEqual([]);
  Object.assign(now, { database: false, xapi: false });
  for (let i = 0; i < 3; i += 1) await monitor.checkAll();
  expect(told.sort()).toEqual(['database critical', 'xapi error']);
  expect(messages.join()).toContain('database refuses');
  Object.assign(now, { database: true, xapi: true });
  for (let i = 0; i < 3; i += 1) await monitor.checkAll();
  expect(told.sort()).toEqual(['database critical', 'database info', 'xapi error', 'xapi info']);
});

test('what is down when it is looked at for the first time is told, too', async () => {
  const { now, monitor, told } = createStand();
  now.database = false;
  await monitor.checkAll();
  expect(told).toEqual(['database critical']);
});

test('a restart repeats nothing, and tells the end of what the process before had told', async () => {
  const { now, monitor, told } = createStand({ database: 'down' });
  now.database = false;
  await monitor.checkAll();
  expect(told).toEqual([]);
  now.database = true;
  await monitor.checkAll();
  expect(told).toEqual(['database info']);
});

test('a database that is not configured is no news, before and after', async () => {
  const { now, monitor, told } = createStand();
  now.isConfigured = false;
  await monitor.checkAll();
  now.isConfigured = true;
  await monitor.checkAll();
  now.isConfigured = false;
  await monitor.checkAll();
  expect(told).toEqual([]);
});

test('an XAPI that is down because of a refusal that was told is not told again, nor its return', async () => {
  const { now, monitor, told } = createStand();
  Object.assign(now, { xapi: false, refusal: 'the PBX refuses the credentials' });
  await monitor.checkAll();
  Object.assign(now, { xapi: true, refusal: null });
  await monitor.checkAll();
  expect(told).toEqual([]);
});

const PART = 'the role of the API client is too small for GET Users (403): give it the role System Owner';

test('an XAPI that answers and refuses a part is degraded with the reason, told once, and so is its end', async () => {
  const { now, monitor, told, messages } = createStand();
  await monitor.checkAll();
  for (const part of [PART, PART, `${PART} (another question)`]) {
    now.part = part;
    await monitor.checkAll();
    expect(monitor.components.find(({ component }) => component === 'xapi')).toMatchObject({
      state: 'degraded',
      error: part,
      latencyMs: expect.any(Number),
    });
  }
  expect(told).toEqual(['xapi error']);
  expect(messages[0]).toContain(PART);
  now.part = null;
  for (let i = 0; i < 2; i += 1) await monitor.checkAll();
  expect([told, messages[1]]).toEqual([['xapi error', 'xapi info'], 'XAPI refuses nothing any more']);
});

test('an outage in between is told with its own end, and the refusal not again', async () => {
  const { now, monitor, told } = createStand();
  now.part = PART;
  await monitor.checkAll();
  now.xapi = false;
  await monitor.checkAll();
  now.xapi = true;
  await monitor.checkAll();
  expect(told).toEqual(['xapi error', 'xapi error', 'xapi info']);
});

test('a restart tells a refusal neither again nor as mended before it was asked for', async () => {
  const { now, monitor, told } = createStand({ xapi: PART });
  now.part = undefined;
  const { state, error } = await monitor.checkXAPI();
  expect([state, error]).toEqual(['degraded', PART]);
  now.part = PART;
  await monitor.checkXAPI();
  expect(told).toEqual([]);
  now.part = null;
  await monitor.checkXAPI();
  expect(told).toEqual(['xapi info']);
});
