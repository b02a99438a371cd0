import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { RelayError } from '@3cx-relay/shared/client/relay-error.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { toLanes } from '../../admin-ui/src/lib/calls/call-lanes.ts';
import { callStateWord, eventNote, eventWords, viaWords } from '../../admin-ui/src/lib/format/words.ts';
import { CallBoard } from '../../admin-ui/src/lib/live/call-board.ts';
import { type Connection, type Follower, type FollowRequest, follow } from '../../admin-ui/src/lib/live/follow.ts';
import { decodeHealth, troubled } from '../../admin-ui/src/lib/live/health.ts';
import { type CallEventMessage, decodeCall, decodeMessage } from '../../admin-ui/src/lib/live/messages.ts';
import { Pacer } from '../../admin-ui/src/lib/live/pacer.ts';
import { parseTailQuery, tailHref, USUAL_TAIL } from '../../admin-ui/src/lib/live/tail-query.ts';
import { rowsInView } from '../../admin-ui/src/routes/tail/virtual-rows.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What the panel makes of the log, before any of it is drawn. */
let relay: TestRelay;
let viewer: SignedInTester;
let log: LogFiller;
let line: Line;
let filled = 0;
let followers: Follower[] = [];

beforeAll(async () => {
  relay = await startTestRelay();
  viewer = await signInAs(relay, { role: 'viewer' });
  log = createLogFiller(relay);
  line = await createLine(relay.url);
});

afterEach(() => {
  for (const follower of followers) follower.stop();
  followers = [];
  line.mend();
});

afterAll(async () => {
  await line?.stop();
  await log?.stop();
  await relay?.stop();
});

it('starts on a log that was never written, with the calls of now', async () => {
  const panel = read({ snapshot: true });
  await waitFor(() => panel.items[0]?.type === 'snapshot', { what: 'the calls' });
  await fill(3);
  await waitFor(() => panel.numbers().length === 3, { what: 'the first events' });
  expect(panel.numbers()).toEqual([1, 2, 3]);
});

it('comes back by itself after the line was cut, again and again, and has each event once', async () => {
  const first = filled + 1;
  const panel = read({ after: 'now' });
  await waitFor(() => panel.isLive(), { what: 'the connection' });
  for (let round = 0; round < 4; round += 1) {
    const losses = panel.losses.length;
    await fill(40);
    line.cut();
    await fill(60);
    await waitFor(() => panel.losses.length > losses, { what: 'the loss to be noticed' });
    line.mend();
    await waitFor(() => panel.numbers().at(-1) === filled, { what: `event ${filled}` });
  }
  expect(panel.numbers()).toEqual(range(first, filled));
});

it('notices a dead line when it is told to look, and goes on behind the last event', async () => {
  const panel = read({ after: 'now' });
  await waitFor(() => panel.isLive(), { what: 'the connection' });
  await fill(1);
  await waitFor(() => panel.numbers().length === 1, { what: 'the event before' });
  line.cut({ silently: true });
  panel.follower.check();
  await waitFor(() => panel.losses.length > 0, { what: 'the loss', timeoutMs: 15_000 });
  line.mend();
  await fill(1);
  panel.follower.check();
  await waitFor(() => panel.numbers().length === 2, { what: 'the event after it' });
  expect(panel.numbers()).toEqual([filled - 1, filled]);
});

it('waits for whoever is slow on purpose, and loses nothing by it', async () => {
  let goOn = () => {};
  const held = new Promise<void>(resolve => (goOn = resolve));
  const panel = read({ after: 'now' }, { onItem: () => held });
  await waitFor(() => panel.isLive(), { what: 'the connection' });
  const first = filled + 1;
  await fill(50);
  await waitFor(() => panel.numbers().length === 1, { what: 'the first event' });
  goOn();
  await waitFor(() => panel.numbers().length === 50, { what: 'the others' });
  expect(panel.numbers()).toEqual(range(first, filled));
});

it('says why it is refused, and asks again later', async () => {
  const refusals: unknown[] = [];
  const ticket = () => Promise.reject(new RelayError('forbidden', 'not you'));
  const panel = read({}, { ticket, onRefused: error => refusals.push(error) });
  await waitFor(() => refusals.length === 1, { what: 'the refusal' });
  expect(panel.losses).toEqual(['not you']);
});

it('tells in order what is missing when the log begins anew', async () => {
  const panel = read({ after: 'now' });
  await waitFor(() => panel.isLive(), { what: 'the connection' });
  await fill(5);
  await waitFor(() => panel.numbers().length === 5, { what: 'the events before' });
  line.cut();
  await waitFor(() => panel.losses.length > 0, { what: 'the loss to be noticed' });
  const lost = await log.redis.keys(`*{${relay.pbxId}}*`);
  await log.redis.del(...lost);
  await log.stop();
  log = createLogFiller(relay);
  await log.fill(2);
  line.mend();
  await waitFor(() => panel.items.some(item => item.type === 'gap'), { what: 'the gap' });
  await waitFor(() => panel.numbers().length === 7, { what: 'the events of the new log' });
  expect(panel.items.map(({ type }) => type).indexOf('gap')).toBe(5);
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
    ...['ingest up', 'redis up', 'log up', 'postgres up'],
  ]);
  expect(troubled(health).map(({ name }) => name)).toEqual(['websocket']);
  // A relay that was not told of them yet.
  expect(decodeHealth({ status: 'ok', components: base })?.components).toHaveLength(5);
});

it('draws who was in a call and how, from what each event tells', () => {
  const leg = { dn: '101', participantId: 7, legId: null, party: '+49', status: 'Ringing', since: time(1) };
  const former = { dn: '101', participantId: 7, party: '+49', leftAt: time(9), outcome: 'answered' };
  const at = (second: number, legs: object[], formerLegs: object[] = []) =>
    ({ at: time(second), call: { ...wholeCall, legs, formerLegs } }) as unknown as Parameters<
      typeof toLanes
    >[0][number];
  const lanes = toLanes([
    at(1, [leg]),
    at(2, [leg, { ...leg, dn: '102', participantId: 8 }]),
    at(4, [{ ...leg, status: 'Connected', since: time(4) }]),
    at(9, [], [former]),
  ]);
  expect(lanes.map(({ dn, outcome }) => [dn, outcome])).toEqual([
    ['101', 'answered'],
    ['102', null],
  ]);
  const [ringing, connected, other] = lanes.flatMap(({ spans }) => spans);
  expect(ringing).toEqual({ status: 'Ringing', from: Date.parse(time(1)), to: Date.parse(time(4)) });
  expect(connected).toEqual({ status: 'Connected', from: Date.parse(time(4)), to: Date.parse(time(9)) });
  expect(other?.to).toBe(Date.parse(time(4)));
});

it('has what the tail shows in its address, and reads it back', () => {
  const query = {
    ...{ channels: ['calls', 'audit'] as const, event: ['call.ended'], dn: ['101', '102'], call: ['m5k2h8aa-7'] },
    ...{ text: 'Müller & Söhne', start: { at: 'now' } as const },
  };
  expect(parse(tailHref(query))).toEqual(query);
  expect(tailHref(parse('#/tail?channel=nothing&from=yesterday'))).toBe('#/tail');
  expect(parse('#/tail')).toEqual(USUAL_TAIL);
  // A position belongs to one channel.
  expect(parse('#/tail?from=2026-03-02T09:14:09Z').channels).toEqual(['calls']);
});

it('holds entries of the past back until it is their turn, but not for a quiet hour', async () => {
  let now = 0;
  const pacer = new Pacer(60, () => now);
  const aborted = AbortSignal.abort();
  await pacer.due(0, aborted);
  const began = performance.now();
  await pacer.due(1_200, new AbortController().signal);
  expect(performance.now() - began).toBeGreaterThan(15);
  now = 20;
  const { signal } = new AbortController();
  pacer.speed = Number.POSITIVE_INFINITY;
  await pacer.due(3_600_000, signal);
  await pacer.due(7_200_000, signal);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it('draws the rows in view and no others, with one of them open', () => {
  const view = { count: 500, rowPx: 34, openIndex: -1, detailPx: 0, scrollTop: 0, heightPx: 680 };
  expect(rowsInView(view)).toEqual({ first: 0, end: 29, offsetPx: 0, totalPx: 17_000 });
  const open = { ...view, openIndex: 2, detailPx: 400, scrollTop: 3_400 };
  expect(rowsInView(open)).toEqual({ first: 80, end: 117, offsetPx: 80 * 34 + 400, totalPx: 17_400 });
  expect(rowsInView({ ...open, scrollTop: 300, openIndex: 2 }).first).toBe(0);
  expect(rowsInView({ ...view, count: 0 })).toEqual({ first: 0, end: 0, offsetPx: 0, totalPx: 0 });
});

const time = (second: number) => `2026-03-02T09:14:0${second}.000Z`;
const parse = (href: string) => parseTailQuery(new URLSearchParams(href.split('?')[1] ?? ''));

const emptyCall = {
  callId: 'c1',
  direction: null,
  startedAt: null,
  ringingAt: null,
  answeredAt: null,
  caller: { number: null, name: null },
  callee: { number: null, name: null },
  via: null,
  dns: [],
  answeredBy: null,
  disposition: null,
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

async function fill(count: number): Promise<void> {
  await log.fill(count);
  filled += count;
}

function read(
  request: FollowRequest,
  more: { onItem?: () => Promise<void>; onRefused?: (error: unknown) => void; ticket?: () => Promise<string> } = {},
) {
  const items: RelayItem[] = [];
  const losses: string[] = [];
  let connection: Connection = { state: 'connecting' };
  const ticket = async () => (await viewer.browser('POST', '/admin/tickets', {})).body.ticket as string;
  const client = createRelayClient({
    ...{ url: line.url, ticket: more.ticket ?? ticket, connectTimeoutMs: 1_000 },
    reconnect: { firstMs: 20, maxMs: 60 },
  });
  const follower = follow(client, request, {
    onItem(item) {
      items.push(item);
      return more.onItem?.();
    },
    onConnection(next) {
      if (next.state === 'disconnected' && connection.state !== 'disconnected') losses.push(next.reason);
      connection = next;
    },
    onRefused: error => more.onRefused?.(error),
  });
  followers.push(follower);
  return {
    ...{ items, losses, follower },
    isLive: () => connection.state === 'live' && !connection.isBehind,
    numbers: () => items.filter(({ type }) => type === 'call_event').map(item => numberIn(item as WireMessage)),
  };
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
