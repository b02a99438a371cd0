import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import type { ComeBack, Command, Story } from './commands.ts';
import { isReachable, judge, matches, untruthsOf } from './judge.ts';
import { createLogWorld, type LogWorld, RELAYS, RING_BYTES } from './log-world.ts';
import { parseTold, ReadingClient, type Told } from './reading-client.ts';
import { type FilterQuery, type Reading, readPage, TRANSPORTS } from './transports.ts';
import type { Publication, Truth } from './truth.ts';

const ONE: readonly Publication[] = [{ dn: '100', event: 'call.started', call: 'c1', padBytes: 10 }];
const CAUGHT_UP_MS = 20_000;
const COME_BACK_MS = 20;
const SMALL_BYTES = 300;
const LARGE_BYTES = 60_000;

/** Plays a story on a world of its own, with one client on each transport, and judges it. @throws when it was told wrong */
export async function playStory({ filters, commands }: Story): Promise<void> {
  const world = await createLogWorld();
  let connections = 0;
  const clients = Object.keys(TRANSPORTS).map((transport, index) => {
    const relayUrl = () => {
      // A compressing client needs a relay that compresses; the others take turns.
      connections += 1;
      return world.relayUrl(transport.includes('compressed') ? 0 : connections);
    };
    return new ReadingClient(transport, filters[index] ?? {}, { apiKey: world.apiKey, relayUrl });
  });
  try {
    await world.publish(ONE);
    for (const client of clients) client.connect();
    for (const [index, command] of commands.entries()) {
      await play(command, { world, clients }).catch(cause => {
        throw new Error(`at command ${index}, ${command.do}`, { cause });
      });
    }
    for (const client of clients) client.connect();
    await check({ world, clients });
  } finally {
    for (const client of clients) client.cut();
    await world.stop();
  }
}

type Stage = { world: LogWorld; clients: readonly ReadingClient[] };

async function play(command: Command, stage: Stage): Promise<void> {
  const { world } = stage;
  const client = 'client' in command ? stage.clients[command.client] : undefined;
  switch (command.do) {
    case 'publish':
      return world.publish(command.publications);
    case 'publish elsewhere':
      for (let i = 0; i < command.times; i += 1) await world.publishElsewhere();
      return;
    case 'persist':
      return world.persist();
    case 'trim':
      return world.trim(command.keep);
    case 'drop history':
      return world.dropHistory(command.percent);
    case 'connect':
      return client?.connect();
    case 'cut':
      return client?.cut();
    case 'stall':
      return client?.stall(command.isStalled);
    case 'refilter':
      client?.stall(false);
      return client?.refilter(command.filter);
    case 'restart':
      return world.restart(command.relay);
    case 'lose log':
      await world.loseLog();
      return world.publish(ONE);
    case 'roll back':
      await world.rollBack(command.entries, command.next === 'lives' ? 'lives' : 'amnesia');
      await sleep(command.afterMs);
      if (command.next === 'recall') await world.persist();
      return world.publish(ONE);
    case 'forget meta':
      // The worker does so every second. An epoch that was forgotten before has left its entries to the one before it.
      await world.persist();
      await world.forgetMeta();
      if (command.next === 'recall') await world.persist();
      return world.publish(ONE);
    case 'flush':
      if (command.next === 'recall') await world.persist();
      await world.flush(command.next === 'amnesia' ? 'amnesia' : 'lives');
      if (command.next === 'recall') await world.persist();
      await world.publish(ONE);
      // Numbers that begin again and have passed the old ones before anybody looked cannot be told from them.
      if (command.next === 'amnesia') await headIsKnown(world);
      return;
    case 'come back':
      return comeBack(stage, command);
    case 'check':
      return check(stage);
    case 'compare transports':
      return compare(stage, command);
  }
}

async function comeBack(stage: Stage, { publications, times, afterMs, keep, meanwhile }: ComeBack): Promise<void> {
  const { world, clients } = stage;
  for (const client of clients) client.cut();
  const small = publications.map(each => ({ ...each, padBytes: each.padBytes % SMALL_BYTES }));
  for (let i = 0; i < times; i += 1) await world.publish(small);
  const fills = Math.ceil(RING_BYTES / (publications.length * LARGE_BYTES));
  for (let i = 0; i < fills; i += 1) await world.publish(small.map(each => ({ ...each, padBytes: LARGE_BYTES })));
  await world.persist();
  await world.trim(keep);
  const places = clients.map(({ place }) => place);
  for (const client of clients) client.connect();
  const isReading = () => clients.some(({ place }, index) => place !== places[index]);
  await waitFor(isReading, { what: 'somebody to read', timeoutMs: CAUGHT_UP_MS, everyMs: 1 });
  await sleep(afterMs);
  if (meanwhile === 'drop history') return world.dropHistory(90);
  return play({ do: 'flush', next: 'amnesia' }, stage);
}

/** Everybody who is connected gets to the head, and what was told is compared with what happened. */
async function check({ world, clients }: Stage): Promise<void> {
  const { truth } = world;
  for (const client of clients) client.stall(false);
  const head = truth.head();
  for (const client of clients.filter(({ isConnected }) => isConnected)) {
    await waitFor(() => client.place !== 'start' && client.place >= head, {
      what: `${client.transport} to get to ${head}`,
      timeoutMs: CAUGHT_UP_MS,
    }).catch(cause => {
      const { transport, place, lastWords } = client;
      throw new Error(`${transport} stands at ${place} since ${lastWords.join(' ')}`, { cause });
    });
  }
  const held = await truth.held();
  for (const client of clients) {
    const wrong = judge(client, truth, held);
    if (wrong.length > 0) throw new Error(`${client.transport}: ${wrong.join('\n')}`);
  }
}

/** From one place with one filter, all transports of one relay tell the same, word by word. */
async function compare({ world }: Stage, asked: { fromPercent: number; filter: FilterQuery }): Promise<void> {
  const { truth, apiKey } = world;
  const known = truth.facts[Math.floor((asked.fromPercent / 100) * truth.facts.length) - 1];
  const after = known?.position ?? 'start';
  const head = await headIsKnown(world);
  const held = await truth.held();
  for (let relay = 0; relay < RELAYS; relay += 1) {
    const relayUrl = world.relayUrl(relay);
    const tales = await Promise.all(
      Object.keys(TRANSPORTS).map(async transport => {
        const told = await readOnce({ relayUrl, apiKey, transport, after, head, filter: asked.filter });
        return { transport, told: told.map(({ text }) => withoutForgotten(text, truth)) };
      }),
    );
    const [first] = tales;
    for (const { transport, told } of tales) {
      // What is gone from a stream is told in an answer of its own, in other words.
      const isStream = transport === 'durable stream';
      const isComparable = (text: string) => {
        const position = parseTold(text)?.position ?? null;
        return position === null ? !isStream && !truth.wasDropped : held.has(position) || !truth.wasDropped;
      };
      const [own, others] = [told, first?.told ?? []].map(all => all.filter(isComparable));
      expect(own, `relay ${relay}, after ${after}: ${transport} as ${first?.transport}`).toEqual(others);
    }
    await compareDown(world, { relayUrl, filter: asked.filter });
  }
}

/** Which epoch came before a gap is told as it was known when the gap was read: forgotten, or told again since. */
function withoutForgotten(text: string, truth: Truth): string {
  if (truth.forgotten.size === 0 || !text.startsWith('{"type":"gap","id"')) return text;
  return text.replace(/"after":(null|"[^"]*"),/, '');
}

async function headIsKnown({ truth, apiKey, relayUrl }: LogWorld): Promise<string> {
  const head = truth.head();
  for (let relay = 0; relay < RELAYS; relay += 1) {
    const isKnown = async () => (await readPage(relayUrl(relay), { apiKey, query: { after: 'now' } })).head === head;
    await waitFor(isKnown, { what: `relay ${relay} to know the head ${head}` });
    // Its tail too: until then there is nothing behind a gap that reaches up to what it has read.
    await readOnce({ relayUrl: relayUrl(relay), apiKey, transport: 'relay.v1', after: 'now', head, filter: {} });
  }
  return head;
}

async function readOnce(reader: {
  relayUrl: string;
  apiKey: string;
  transport: string;
  after: string;
  head: string;
  filter: FilterQuery;
}): Promise<Told[]> {
  const { transport, relayUrl, apiKey, after, head, filter } = reader;
  const told: Told[] = [];
  let place = '';
  let refusal: string | null = null;
  let isOver = false;
  let reading: Reading | undefined;
  const open = () => {
    reading = TRANSPORTS[transport]?.(relayUrl, {
      apiKey,
      after: place || after,
      filter,
      onMessage(text, moved) {
        const message = text === null ? null : parseTold(text);
        if (message) told.push(message);
        if (moved !== null) place = moved;
        if (text?.startsWith('{"type":"error"')) refusal = text;
      },
      // Whoever has no time to answer a heartbeat of 200 ms is cut, and comes back as everybody does.
      onEnd() {
        if (!isOver && refusal === null) setTimeout(open, COME_BACK_MS);
      },
    });
  };
  open();
  await waitFor(() => place >= head || refusal !== null, {
    what: `${transport} to read from ${after} to ${head}`,
    timeoutMs: CAUGHT_UP_MS,
  });
  isOver = true;
  reading?.cut();
  if (place < head) throw new Error(`${transport} ended at ${place} on the way to ${head}: ${refusal}`);
  return told;
}

/** Pages down tell every entry that is held, newest first, and of the holes between them the truth. */
async function compareDown(world: LogWorld, { relayUrl, filter }: { relayUrl: string; filter: FilterQuery }) {
  const { truth, apiKey } = world;
  const positions: string[] = [];
  const gaps: string[] = [];
  const query: Record<string, string> = { order: 'desc', limit: '19', ...filter };
  for (;;) {
    const page = await readPage(relayUrl, { apiKey, query });
    for (const text of page.events) {
      const position = parseTold(text)?.position;
      if (position) positions.push(position);
      else gaps.push(text);
    }
    if (!page.more || page.next === null) break;
    query.before = page.next;
  }
  const held = await truth.held();
  const isExpected = (fact: (typeof truth.facts)[number]) => isReachable(fact, truth, held) && matches(fact, filter);
  const expected = truth.facts.filter(isExpected).map(({ position }) => position);
  const known = new Map(truth.facts.map(fact => [fact.position, fact]));
  const told = positions.filter(position => {
    const fact = known.get(position);
    return !fact || isExpected(fact);
  });
  expect(told.toReversed(), 'pages down').toEqual(expected);
  expect(
    gaps.flatMap(gap => untruthsOf(gap, truth, held)),
    'gaps of pages down',
  ).toEqual([]);
}
