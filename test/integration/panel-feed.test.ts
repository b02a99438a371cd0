import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CallBoard } from '../../admin-ui/src/lib/live/call-board.ts';
import { type Follower, followCalls } from '../../admin-ui/src/lib/live/follow.ts';
import type { Message } from '../../admin-ui/src/lib/live/messages.ts';
import { createRelayApi, type Refusal } from '../../admin-ui/src/lib/live/relay-api.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay;
let log: LogFiller;
let line: Line;
let followers: Follower[] = [];

beforeEach(async () => {
  relay = await startTestRelay();
  log = createLogFiller(relay);
  line = await createLine(relay.url);
});

afterEach(async () => {
  await Promise.all(followers.map(follower => follower.stop()));
  followers = [];
  await line?.stop();
  await log?.stop();
  await relay?.stop();
});

it('shows what was there and goes on behind it, without a hole or a repetition', async () => {
  await log.fill(150);
  const panel = follow();
  await waitFor(() => panel.numbers().length === 100, { what: 'the newest hundred' });
  await log.fill(2_500);
  await waitFor(() => panel.numbers().at(-1) === 2_650, { what: 'the last event' });
  expect(panel.numbers()).toEqual(range(51, 2_650));
});

it('starts on a log that was never written', async () => {
  const panel = follow();
  await waitFor(() => panel.snapshots === 1, { what: 'the calls' });
  await log.fill(3);
  await waitFor(() => panel.numbers().length === 3, { what: 'the first events' });
  expect(panel.numbers()).toEqual([1, 2, 3]);
});

it('comes back by itself after the line was cut, again and again, and has each event once', async () => {
  const panel = follow();
  let filled = 0;
  for (let round = 0; round < 4; round += 1) {
    const losses = panel.losses.length;
    await log.fill(40);
    line.cut();
    await log.fill(60);
    await waitFor(() => panel.losses.length > losses, { what: 'the loss to be noticed' });
    line.mend();
    filled += 100;
    await waitFor(() => panel.numbers().at(-1) === filled, { what: `event ${filled}` });
  }
  expect(panel.numbers()).toEqual(range(1, 400));
  expect(panel.losses[0]).toBe('the relay does not answer');
});

it('notices a dead line when it is told to look', async () => {
  await log.fill(1);
  const panel = follow();
  await waitFor(() => panel.pages > 0, { what: 'the connection' });
  line.cut({ silently: true });
  const noticed = waitFor(() => panel.losses.length > 0, { what: 'the loss', timeoutMs: 15_000 });
  panel.follower.check();
  await noticed;
  line.mend();
  await log.fill(1);
  panel.follower.check();
  await waitFor(() => panel.numbers().length === 2, { what: 'the event after it' });
  expect(panel.numbers()).toEqual([1, 2]);
});

it('ends with the reason when the key is not accepted', async () => {
  const panel = follow({ apiKey: `3cxr_${'0'.repeat(64)}` });
  const refusal = await waitFor(() => panel.refusal, { what: 'the refusal' });
  expect(refusal).toMatchObject({ status: 401, isFinal: true });
  expect(panel.losses).toEqual([]);
});

it('reads the calls again when the log begins anew, and says that there is a gap', async () => {
  await log.fill(5);
  const panel = follow();
  await waitFor(() => panel.pages > 0, { what: 'the connection' });
  line.cut();
  await waitFor(() => panel.losses.length > 0, { what: 'the loss to be noticed' });
  const lost = await log.redis.keys(`*{${relay.pbxId}}*`);
  await log.redis.del(...lost);
  await log.stop();
  log = createLogFiller(relay);
  await log.fill(2);
  line.mend();
  await waitFor(() => panel.messages.some(message => message.type === 'gap'), { what: 'the gap' });
  await waitFor(() => panel.snapshots === 2, { what: 'the calls of the new log' });
});

it('never takes a call back to before the snapshot', () => {
  const board = new CallBoard();
  const call = (state: string) => ({ ...emptyCall, state });
  board.reset({ position: 'e_2', calls: [call('connected')] });
  board.apply(eventWith('e_1', call('ringing')));
  expect(board.list().map(({ state }) => state)).toEqual(['connected']);
  board.apply(eventWith('e_3', call('ended')));
  expect(board.list()).toEqual([]);
  board.apply(eventWith('e_3', call('ringing')));
  expect(board.list()).toEqual([]);
});

const emptyCall = {
  callId: 'c1',
  direction: null,
  startedAt: null,
  ringingAt: null,
  answeredAt: null,
  caller: { number: null, name: null },
  callee: { number: null, name: null },
  answeredBy: null,
  disposition: null,
};

function eventWith(id: string, call: typeof emptyCall & { state: string }) {
  return {
    ...({ type: 'call_event', key: id, id, at: 0, event: 'call.updated', call, dn: null, isRepeat: false } as const),
    origin: null,
    raw: null,
  };
}

function follow(options: { apiKey?: string } = {}) {
  const messages: Message[] = [];
  const seen = {
    messages,
    losses: [] as string[],
    snapshots: 0,
    pages: 0,
    refusal: null as Refusal | null,
    numbers: () => messages.map(message => numberIn(message.raw as WireMessage)),
  };
  const follower = followCalls(
    createRelayApi(`${line.url}/relay/`, options.apiKey ?? relay.apiKey),
    {
      onHistory: history => messages.push(...history.toReversed()),
      onSnapshot: () => (seen.snapshots += 1),
      onPage: page => {
        seen.pages += 1;
        messages.push(...page.messages);
      },
      onDisconnected: ({ reason }) => seen.losses.push(reason),
      onRefused: refusal => (seen.refusal = refusal),
    },
    { nextMs: () => 30, reset: () => undefined },
  );
  followers.push(follower);
  return Object.assign(seen, { follower });
}

type Line = { url: string; cut(how?: { silently: boolean }): void; mend(): void; stop(): Promise<void> };

/** A wire to the relay that can be cut: loudly (connections are reset) or silently (nothing comes any more). */
async function createLine(target: string): Promise<Line> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  const server = createServer(client => {
    if (state === 'cut') {
      client.destroy();
      return;
    }
    sockets.add(client);
    client.on('error', () => undefined);
    if (state === 'silent') return;
    const upstream = connect(Number(port), hostname);
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.on('data', chunk => state === 'whole' && upstream.write(chunk));
    upstream.on('data', chunk => state === 'whole' && client.write(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut({ silently } = { silently: false }) {
      state = silently ? 'silent' : 'cut';
      if (!silently) destroyAll();
    },
    mend() {
      state = 'whole';
      destroyAll();
    },
    async stop() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
