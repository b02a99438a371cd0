import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { callStateWord, eventNote, eventWords, viaWords } from '../../admin-ui/src/lib/format/words.ts';
import { CallBoard } from '../../admin-ui/src/lib/live/call-board.ts';
import { type Connection, type Follower, follow } from '../../admin-ui/src/lib/live/follow.ts';
import { decodeHealth, troubled } from '../../admin-ui/src/lib/live/health.ts';
import { type CallEventMessage, decodeCall, decodeMessage } from '../../admin-ui/src/lib/live/messages.ts';
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
  for (const follower of followers) follower.stop();
  followers = [];
  await line?.stop();
  await log?.stop();
  await relay?.stop();
});

it('goes on behind where it was after the line was cut, again and again, and has each event once', async () => {
  const panel = followPanel();
  await waitFor(() => panel.isLive, { what: 'the connection' });
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
});

it('says how long it was away, and when it has read what happened meanwhile', async () => {
  const panel = followPanel();
  await waitFor(() => panel.connection?.state === 'live' && !panel.connection.isBehind, { what: 'being caught up' });
  expect(panel.connection).toMatchObject({ state: 'live', awayMs: null });
  line.cut();
  await waitFor(() => panel.connection?.state === 'disconnected', { what: 'the loss' });
  line.mend();
  await waitFor(() => panel.connection?.state === 'live' && !panel.connection.isBehind, { what: 'the return' });
  expect(panel.connection).toMatchObject({ awayMs: expect.any(Number) });
});

it('makes a connection anew when it is told to look, and goes on behind the last event', async () => {
  const panel = followPanel();
  await waitFor(() => panel.isLive, { what: 'the connection' });
  await log.fill(1);
  await waitFor(() => panel.numbers().length === 1, { what: 'the first event' });
  line.cut({ silently: true });
  await log.fill(1);
  line.mend({ silently: true });
  panel.follower.check();
  await waitFor(() => panel.numbers().length === 2, { what: 'the event after it' });
  expect(panel.numbers()).toEqual([1, 2]);
});

it('ends with the reason when the relay does not let it in', async () => {
  const panel = followPanel({ apiKey: `3cxr_${'0'.repeat(64)}` });
  const refusal = await waitFor(() => panel.refusal, { what: 'the refusal' });
  expect(refusal).toMatchObject({ code: 'unauthenticated', reconnect: false });
});

it('says that there is a gap when the log begins anew', async () => {
  await log.fill(5);
  const panel = followPanel();
  await waitFor(() => panel.isLive, { what: 'the connection' });
  line.cut();
  await waitFor(() => panel.losses.length > 0, { what: 'the loss to be noticed' });
  const lost = await log.redis.keys(`*{${relay.pbxId}}*`);
  await log.redis.del(...lost);
  await log.stop();
  log = createLogFiller(relay);
  await log.fill(2);
  line.mend();
  await waitFor(() => panel.items.some(item => item.type === 'gap'), { what: 'the gap' });
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

/** As PROTOCOL.md §3.1 has it, with every field. */
const wholeCall = {
  callId: 'm5k2h8aa-7',
  pbxCallId: null,
  conversationId: 'm5k2h7zz-6',
  linked: 'inferred',
  direction: 'inbound',
  state: 'held',
  startedAt: '2026-03-02T09:14:07.000Z',
  ringingAt: null,
  answeredAt: '2026-03-02T09:14:09.000Z',
  endedAt: null,
  caller: { number: '+4930123456', name: null, dn: null },
  callee: { number: null, name: 'Ada', dn: '101' },
  did: null,
  via: { dn: '800', type: 'queue' },
  answeredBy: '101',
  legs: [{ dn: '101', participantId: 1, legId: null, status: 'Connected', party: null, since: '2026-03-02T09:14:09Z' }],
  formerLegs: [{ dn: '102', participantId: 2, party: null, leftAt: null, outcome: 'answered_elsewhere' }],
  disposition: null,
  reason: null,
  cdr: { callHistoryId: 'x', mainCallHistoryId: null },
};

function toEvent(body: object): CallEventMessage {
  const message = decodeMessage({ type: 'call_event', id: 'e_9', at: '2026-03-02T09:14:09Z', data: null, ...body }, 0);
  if (message?.type !== 'call_event') throw new Error('no call event');
  return message;
}

it('understands a call with everything that it may say', () => {
  const call = decodeCall(wholeCall);
  if (!call) throw new Error('no call');
  expect([callStateWord(call), viaWords(call), call.callee.number]).toEqual(['On hold', 'via queue 800', '101']);
  const odd = decodeCall({ callId: 'c', via: 'x', legs: null, formerLegs: 7, state: 'parked' });
  expect(odd).toMatchObject({ callId: 'c', via: null, state: 'parked', caller: { number: null } });
});

it('keeps the other calls of an entry up to date, too', () => {
  const board = new CallBoard();
  const [one, two] = ['c1', 'c2'].map(callId => ({ ...wholeCall, callId, state: 'connected' }));
  board.reset({ position: 'e_1', calls: [one, two].flatMap(call => decodeCall(call) ?? []) });
  const otherCalls = [{ ...one, state: 'ended' }, null, { callId: 'c3', state: 'ringing' }];
  board.apply(toEvent({ event: 'call.transferred', call: { ...two, state: 'held' }, otherCalls }));
  expect(board.list().map(({ callId, state }) => `${callId} ${state}`)).toEqual(['c2 held', 'c3 ringing']);
  board.apply({ ...toEvent({ event: 'call.finalized', call: { ...one, state: 'ended' } }), id: 'e_99' });
  expect(board.list()).toHaveLength(2);
});

it('has words for what queues, devices and records tell', () => {
  const call = { ...wholeCall, state: 'ended', disposition: 'missed', pbxCallId: null };
  const told = [
    toEvent({ event: 'call.finalized', call, origin: 'cdr' }),
    toEvent({ event: 'queue.abandoned', call }),
    toEvent({ event: 'extension.status', device: { dn: '104', deviceId: null, registered: false } }),
    toEvent({ event: 'call.dtmf', call, dtmf: '12#' }),
    toEvent({ event: 'call.levitated', entity: '/callcontrol/105/participants/9' }),
  ];
  expect(told.map(event => [eventWords(event).word, event.dn, eventNote(event)])).toEqual([
    ['Records added', null, '+4930123456 → Ada'],
    ['Queue abandoned', null, '+4930123456 → Ada'],
    ['Extension', '104', 'Device gone'],
    ['Keys pressed', null, '+4930123456 → Ada · 12#'],
    ['call.levitated', '105', ''],
  ]);
});

it('shows what is not configured as such, and alarms nobody with it', () => {
  const up = { state: 'up', latencyMs: 3, error: null };
  const base = { pbx: up, ingest: up, redis: up, log: up, postgres: up };
  const health = decodeHealth({
    status: 'ok',
    components: { ...base, database: { state: 'absent', error: null }, xapi: up, websocket: { state: 'levitating' } },
  });
  if (!health) throw new Error('no health');
  expect(health.components.map(({ name, state }) => `${name} ${state}`)).toEqual([
    ...['pbx up', 'websocket unknown', 'xapi up', 'database absent'],
    ...['ingest up', 'redis up', 'log up', 'postgres up', 'persist unknown'],
  ]);
  expect(troubled(health).map(({ name }) => name)).toEqual(['websocket', 'persist']);
  // A relay that was not told of them yet.
  expect(decodeHealth({ status: 'ok', components: base })?.components).toHaveLength(6);
});

const emptyCall = {
  callId: 'c1',
  direction: null,
  startedAt: null,
  ringingAt: null,
  answeredAt: null,
  caller: { number: null, name: null },
  callee: { number: null, name: null },
  via: null,
  answeredBy: null,
  disposition: null,
  dns: [],
};

function eventWith(id: string, call: typeof emptyCall & { state: string }) {
  return {
    ...({ type: 'call_event', key: id, id, at: 0, event: 'call.updated', call, dn: null, isRepeat: false } as const),
    otherCalls: [],
    dtmf: null,
    isRegistered: null,
    origin: null,
    raw: null,
  };
}

function followPanel(options: { apiKey?: string } = {}) {
  const seen = {
    items: [] as RelayItem[],
    losses: [] as string[],
    connection: null as Connection | null,
    refusal: null as unknown,
    get isLive() {
      return seen.connection?.state === 'live';
    },
    numbers: () => seen.items.map(item => numberIn(item as WireMessage)),
  };
  const client = createRelayClient({
    url: line.url,
    apiKey: options.apiKey ?? relay.apiKey,
    reconnect: { firstMs: 30, maxMs: 60 },
  });
  const follower = follow(
    client,
    { channels: ['calls'] },
    {
      onItem: item => void seen.items.push(item),
      onConnection(connection) {
        if (connection.state === 'disconnected') seen.losses.push(connection.reason);
        seen.connection = connection;
      },
      onRefused: error => {
        seen.refusal = error;
      },
    },
  );
  followers.push(follower);
  return Object.assign(seen, { follower });
}

type Line = {
  url: string;
  cut(how?: { silently: boolean }): void;
  mend(how?: { silently: boolean }): void;
  stop(): Promise<void>;
};

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
    /** `silently`: what hung on the dead line goes on hanging. */
    mend({ silently } = { silently: false }) {
      state = 'whole';
      if (!silently) destroyAll();
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
