import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTold } from '../chaos/model/reading-client.ts';
import { TRANSPORTS } from '../chaos/model/transports.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { type RelayProcess, startRelayProcess } from '../harness/relay-process.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The table of what is answered to a position (PROTOCOL.md §5): each row, on each transport. */
const TRIMMED = 30;
const HEAD = 60;
let relay: RelayProcess;
let log: LogFiller;
let epoch: string;

beforeAll(async () => {
  relay = await startRelayProcess({
    settings: { RELAY_COMPRESSION: 'true', RELAY_HEARTBEAT_MS: '400' },
    // What a relay has read itself it still has.
    async prepare(target) {
      log = createLogFiller(target);
      await log.fill(HEAD);
      await log.redis.xtrim(log.keys.log('calls'), 'MINID', `${TRIMMED + 1}-0`);
    },
  });
  epoch = (await log.redis.hget(log.keys.meta('calls'), 'epochs'))?.slice(0, 8) ?? '';
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

const at = (seq: number, of = epoch) => `${of}_${String(seq).padStart(16, '0')}`;

/** Gaps, and the numbers of the entries, up to the head. */
async function read(transport: string, after: string, until: number): Promise<(number | object)[]> {
  const told: (number | object)[] = [];
  let place = '';
  const reading = TRANSPORTS[transport]?.(relay.url, {
    apiKey: relay.apiKey,
    after,
    filter: {},
    onMessage(text, moved) {
      if (moved !== null) place = moved;
      const message = text === null ? null : parseTold(text);
      if (message) told.push(message.position === null ? JSON.parse(message.text) : Number(message.position.slice(9)));
    },
    onEnd: () => undefined,
  });
  await waitFor(() => place >= at(until), { what: `${transport} to get to ${until}` });
  reading?.cut();
  return told;
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// A durable stream answers in words of its own: test/integration/streams and the conformance suite tell them.
const transports = Object.keys(TRANSPORTS).filter(name => name !== 'durable stream');

describe.each(transports)('over %s, a position that is', transport => {
  it('still held is answered with exactly what follows it', async () => {
    expect(await read(transport, at(40), HEAD)).toEqual(range(41, HEAD));
    expect(await read(transport, at(HEAD), HEAD)).toEqual([]);
    expect(await read(transport, at(TRIMMED), HEAD)).toEqual(range(TRIMMED + 1, HEAD));
  });

  it('older than what is held is answered with a gap that counts, then the oldest entry', async () => {
    const gap = { type: 'gap', channel: 'calls', after: at(5), before: at(TRIMMED + 1), lost: 25, reason: 'retention' };
    expect(await read(transport, at(5), HEAD)).toEqual([gap, ...range(TRIMMED + 1, HEAD)]);
  });

  it('of an epoch that nobody knows is answered with a gap, then the oldest entry', async () => {
    const after = at(5, '00000000');
    const gap = { type: 'gap', channel: 'calls', after, before: at(TRIMMED + 1), lost: null, reason: 'log_reset' };
    expect(await read(transport, after, HEAD)).toEqual([gap, ...range(TRIMMED + 1, HEAD)]);
  });

  it('ahead of the log is answered with a gap, then with what comes', async () => {
    const gap = {
      type: 'gap',
      channel: 'calls',
      after: at(9_999),
      before: null,
      lost: null,
      reason: 'log_rolled_back',
    };
    expect(await read(transport, at(9_999), HEAD)).toEqual([gap]);
  });

  it('the word start is answered with everything that is held', async () => {
    expect(await read(transport, 'start', HEAD)).toEqual(range(TRIMMED + 1, HEAD));
  });

  it('no position at all is refused with a code that says so', async () => {
    const words: string[] = [];
    const reading = TRANSPORTS[transport]?.(relay.url, {
      apiKey: relay.apiKey,
      after: 'yesterday',
      filter: {},
      onMessage: text => void words.push(String(text)),
      onEnd: () => void words.push('ended'),
    });
    await waitFor(() => words.some(word => word === 'ended' || word.includes('"invalid_position"')), {
      what: 'a refusal',
    });
    expect(words.some(word => word.includes('call_event'))).toBe(false);
    reading?.cut();
  });
});

it.each(['/relay/events', '/relay/events/stream'])(
  '%s refuses what is no position with a problem document',
  async path => {
    const response = await fetch(`${relay.url}${path}?after=yesterday`, { headers: { 'x-api-key': relay.apiKey } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_position', field: 'after' });
  },
);

it('a long poll for the first entry there ever is gets it', async () => {
  const get = fetch(`${relay.url}/relay/events?channel=audit&after=now&wait=20`, {
    headers: { 'x-api-key': relay.apiKey },
  });
  await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 1, { what: 'the request to wait' });
  const at = Date.now();
  await log.append([{ type: 'audit', at, body: `{"at":"${new Date(at).toISOString()}","data":{}}` }], 'audit');
  expect(await (await get).json()).toMatchObject({ events: [{ type: 'audit' }] });
});

describe('read down, newest first,', () => {
  async function readDown(query: string): Promise<(number | object)[]> {
    const told: (number | object)[] = [];
    for (let before = ''; ; ) {
      const url = `${relay.url}/relay/events?order=desc&${query}${before}`;
      const response = await fetch(url, { headers: { 'x-api-key': relay.apiKey } });
      const { events, next, more } = (await response.json()) as {
        events: { type: string; id?: string }[];
        next: string;
        more: boolean;
      };
      told.push(...events.map(event => (event.type === 'gap' ? event : Number(event.id?.slice(9)))));
      if (!more) return told;
      before = `&before=${next}`;
    }
  }
  const down = (last: number, first: number) => range(first, last).reverse();

  beforeAll(async () => {
    const body = `{"at":"2026-03-02T09:00:00.000Z","data":{}}`;
    const sample = { type: 'health', at: Date.parse('2026-03-02T09:00:00Z'), body } as const;
    await log.append(
      Array.from({ length: 10 }, () => sample),
      'health',
    );
    await log.redis.xdel(log.keys.log('health'), '4-0', '5-0', '6-0');
  });

  it.each([1, 7, 1_000])('pages of %i end with the gap that reading up begins with', async limit => {
    const gap = { type: 'gap', channel: 'calls', after: at(5), before: at(TRIMMED + 1), lost: 25, reason: 'retention' };
    expect(await readDown(`limit=${limit}&after=${at(5)}`)).toEqual([...down(HEAD, TRIMMED + 1), gap]);
    const after = at(5, '00000000');
    const reset = { type: 'gap', channel: 'calls', after, before: at(TRIMMED + 1), lost: null, reason: 'log_reset' };
    expect(await readDown(`limit=${limit}&after=${after}`)).toEqual([...down(HEAD, TRIMMED + 1), reset]);
    expect(await readDown(`limit=${limit}&after=${at(40)}`)).toEqual(down(HEAD, 41));
    expect(await readDown(`limit=${limit}`)).toEqual(down(HEAD, TRIMMED + 1));
  });

  it.each([1, 2, 1_000])('pages of %i tell what is missing between two entries where it is missing', async limit => {
    const gap = { type: 'gap', channel: 'health', lost: 3, reason: 'retention' };
    const told = await readDown(`channel=health&limit=${limit}`);
    expect(told).toMatchObject([...down(10, 7), gap, ...down(3, 1)]);
  });
});

it('a page with room for one message holds the gap, and the next one goes on behind it', async () => {
  const page = async (after: string) => {
    const url = `${relay.url}/relay/events?limit=1&after=${after}`;
    return (await (await fetch(url, { headers: { 'x-api-key': relay.apiKey } })).json()) as {
      events: { type: string; id?: string }[];
      next: string;
    };
  };
  const first = await page(at(5));
  expect(first.events).toMatchObject([{ type: 'gap', lost: 25 }]);
  expect((await page(first.next)).events).toMatchObject([{ id: at(TRIMMED + 1) }]);
});
