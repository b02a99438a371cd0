import type { ComponentSample } from '@3cx-relay/shared/jobs/component-state.ts';
import { expect, test } from 'vitest';
import { createCheck } from './check.ts';
import { ConnectionMonitor, type StateChange } from './connection-monitor.ts';
import { createEventLoopCheck } from './event-loop-check.ts';

/** What the monitor is given, with a switch for each. */
function createPbx() {
  const pbx = {
    database: { isConfigured: true, check: async (): Promise<unknown> => 1, connect: async (): Promise<unknown> => 1 },
    xapi: { check: async (): Promise<unknown> => 1, reconnect: async (): Promise<unknown> => 1 },
    socket: {
      state: 'connected' as 'connected' | 'connecting' | 'down',
      openSince: 1 as number | null,
      error: null as string | null,
      reconnect(_why: string): void {},
    },
  };
  const monitor = new ConnectionMonitor(pbx.database, pbx.xapi, pbx.socket);
  const samples: ComponentSample[] = [];
  const changes: StateChange[] = [];
  monitor.on('sample', sample => samples.push(sample));
  monitor.on('state_change', change => changes.push(change));
  return { ...pbx, monitor, samples, changes };
}

const hang = () => new Promise<never>(() => undefined);
const fail = (message: string) => () => Promise.reject(new Error(message));

test('every component is told with its state, and those that answer with their latency', async () => {
  const { monitor } = createPbx();
  const all = await monitor.checkAll();
  expect(all.map(({ component, state }) => [component, state])).toEqual([
    ['database', 'up'],
    ['xapi', 'up'],
    ['websocket', 'up'],
  ]);
  expect(all[0]?.latencyMs).toBeTypeOf('number');
  expect(monitor.components).toEqual(all);
});

test('one that hangs delays nobody, and is down when its deadline is over', async () => {
  const { monitor, database, samples } = createPbx();
  database.check = hang;
  const startedAt = performance.now();
  const all = monitor.checkAll();
  await new Promise(resolve => setImmediate(resolve));
  expect(samples.map(({ component }) => component).sort()).toEqual(['websocket', 'xapi']);
  const [slowest] = await all;
  expect(slowest).toMatchObject({ component: 'database', state: 'down', error: 'no answer within 2000 ms' });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});

test('while a question hangs no other is asked, until it is written off', async () => {
  let asked = 0;
  let now = hang;
  const check = createCheck(
    () => {
      asked += 1;
      return now();
    },
    { deadlineMs: 20, slowMs: 10, writeOffMs: 100 },
  );
  expect(await check()).toMatchObject({ state: 'down', error: 'no answer within 20 ms' });
  expect(await check()).toMatchObject({ state: 'down', error: expect.stringMatching(/^no answer since 2/) });
  expect(asked).toBe(1);
  now = async () => undefined as never;
  await expect.poll(check, { timeout: 2_000 }).toMatchObject({ state: 'up' });
  expect(asked).toBe(2);
});

test('the question learns that nobody waits any more', async () => {
  let aborted = false;
  const check = createCheck(
    signal =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('aborted'));
        });
      }),
    { deadlineMs: 10, slowMs: 5, writeOffMs: 10_000 },
  );
  expect(await check()).toMatchObject({ state: 'down', error: 'no answer within 10 ms' });
  expect(aborted).toBe(true);
  // It came back, so that the next one is asked again.
  expect(await check()).toMatchObject({ error: 'no answer within 10 ms' });
});

test('an answer that took long is degraded', async () => {
  const check = createCheck(() => new Promise(resolve => setTimeout(resolve, 30)), {
    deadlineMs: 2_000,
    slowMs: 10,
    writeOffMs: 2_000,
  });
  expect(await check()).toMatchObject({
    state: 'degraded',
    error: 'slow to answer',
  });
});

test('a change is told once, with both states and since when', async () => {
  const { monitor, xapi, changes } = createPbx();
  await monitor.checkAll();
  xapi.check = fail('the licence is missing');
  const first = await monitor.checkXAPI();
  const second = await monitor.checkXAPI();
  expect(changes).toEqual([
    {
      component: 'xapi',
      from: 'up',
      to: 'down',
      latencyMs: null,
      error: 'the licence is missing',
      at: first.checkedAt,
      since: first.checkedAt,
    },
  ]);
  expect(second.since).toBe(first.since);
});

test('what is not configured is absent, and that is no alarm', async () => {
  const { monitor, database, changes } = createPbx();
  database.isConfigured = false;
  database.check = fail('must not be asked');
  expect(await monitor.checkDatabase()).toMatchObject({ state: 'absent', error: null });
  expect(changes).toEqual([]);
});

test('what an earlier process saw goes on: no change, and the time in that state', async () => {
  const { monitor, changes, xapi } = createPbx();
  const since = '2026-03-02T09:00:00.000Z';
  const last = { latencyMs: 1, error: null, since, checkedAt: '2026-03-02T10:00:00.000Z' };
  monitor.restore([
    { component: 'database', state: 'up', ...last },
    { component: 'xapi', state: 'up', ...last },
  ]);
  xapi.check = fail('gone');
  const [database] = await monitor.checkAll();
  expect(database?.since).toBe(since);
  expect(changes).toMatchObject([{ component: 'xapi', from: 'up', to: 'down' }]);
});

test.each([
  ['connected', null, 'up', null],
  ['connected', 'the PBX forbids call control (403)', 'degraded', 'the PBX forbids call control (403)'],
  ['connecting', null, 'degraded', 'is being dialled'],
  ['connecting', 'closed with 1006', 'down', 'closed with 1006'],
  ['down', 'closed with 1006', 'down', 'closed with 1006'],
  ['down', null, 'down', 'is not connected'],
] as const)('a socket that is %s with error %j is %s', async (state, error, expected, told) => {
  const { monitor, socket } = createPbx();
  Object.assign(socket, { state, error });
  expect(await monitor.checkWebSocket()).toMatchObject({ state: expected, error: told });
});

test('a reconnect is believed when the component then answers', async () => {
  const { monitor, database } = createPbx();
  database.check = fail('nobody there');
  expect(await monitor.reconnectDatabase()).toMatchObject({ ok: false, state: 'down', error: 'nobody there' });
  database.connect = async () => {
    database.check = async () => 1;
  };
  expect(await monitor.reconnectDatabase()).toMatchObject({
    component: 'database',
    ok: true,
    state: 'up',
    error: null,
  });
});

test('a reconnect that fails says why, even when the old connection still answers', async () => {
  const { monitor, database } = createPbx();
  database.connect = fail('the password is wrong');
  expect(await monitor.reconnectDatabase()).toMatchObject({ ok: false, state: 'up', error: 'the password is wrong' });
});

test('the socket is reconnected when another one is open than before', async () => {
  const { monitor, socket } = createPbx();
  socket.reconnect = () => {
    Object.assign(socket, { state: 'connecting', openSince: null, error: 'an operator asked' });
    setTimeout(() => Object.assign(socket, { state: 'connected', openSince: 2, error: null }), 30);
  };
  expect(await monitor.reconnectWebSocket()).toMatchObject({ ok: true, state: 'up', error: null });
  socket.reconnect = () => {
    Object.assign(socket, { state: 'connecting', openSince: null, error: 'an operator asked' });
    setTimeout(() => Object.assign(socket, { state: 'down', error: 'the PBX cannot be reached' }), 30);
  };
  const failed = await monitor.reconnectWebSocket();
  expect(failed).toMatchObject({ ok: false, state: 'down', error: 'the PBX cannot be reached' });
});

test('a look in the middle of a reconnect that was asked for sees what it came to', async () => {
  const { monitor, socket, samples, changes } = createPbx();
  await monitor.checkAll();
  const before = samples.length;
  socket.reconnect = () => {
    Object.assign(socket, { state: 'connecting', openSince: null, error: 'the PBX connection was lost: asked for' });
  };
  const reconnecting = monitor.reconnectWebSocket();
  const looking = monitor.checkWebSocket();
  await new Promise(resolve => setImmediate(resolve));
  expect(samples).toHaveLength(before);
  Object.assign(socket, { state: 'connected', openSince: 2, error: null });
  expect(await reconnecting).toMatchObject({ ok: true, state: 'up' });
  expect(await looking).toMatchObject({ state: 'up' });
  expect(changes).toEqual([]);
});

test('two who ask at once get one reconnect', async () => {
  const { monitor, xapi } = createPbx();
  let reconnects = 0;
  xapi.reconnect = async () => {
    reconnects += 1;
  };
  const [one, other] = await Promise.all([monitor.reconnectXAPI(), monitor.reconnectXAPI()]);
  expect(one).toEqual(other);
  expect(reconnects).toBe(1);
});

test('an event loop that stood still is late, one that did not is not', async () => {
  const eventLoop = createEventLoopCheck();
  try {
    await new Promise(resolve => setTimeout(resolve, 100));
    expect((await eventLoop.check()).latencyMs).toBeLessThan(250);
    await new Promise(resolve => setTimeout(resolve, 50));
    for (const until = performance.now() + 600; performance.now() < until; );
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(await eventLoop.check()).toMatchObject({ state: 'degraded', error: 'this process stands still at times' });
  } finally {
    eventLoop.stop();
  }
});
