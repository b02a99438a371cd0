import { setTimeout as sleep } from 'node:timers/promises';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { WebSocket } from 'ws';

/** A reader's place: a position, or `start`. */
export type Place = string;

export type FilterQuery = { dn?: string; event?: string; call?: string };

/** How one transport is read: messages one by one as they stand on the wire, each with the place it moves the reader to. */
export type Reading = {
  /** Cuts the connection without a goodbye. */
  cut(): void;
  /** Stops taking bytes for a while; true when this transport can. */
  stall?: (isStalled: boolean) => void;
  /** Another filter behind what was got so far, without leaving; resolves with the place where it begins. Null: not now. */
  refilter?: (filter: FilterQuery) => Promise<Place> | null;
};

export type ReadOptions = {
  readonly apiKey: string;
  readonly after: Place;
  readonly filter: FilterQuery;
  /** `place`: where to resume, null when the message does not move it. Of a page it comes last, with the text null. */
  readonly onMessage: (text: string | null, place: Place | null) => void;
  readonly onEnd: () => void;
};

export type Transport = (relayUrl: string, options: ReadOptions) => Reading;

export const TRANSPORTS: Readonly<Record<string, Transport>> = {
  'relay.v1': socket('relay.v1', false),
  'relay.v1 compressed': socket('relay.v1', true),
  'relay.v1.ndjson': socket('relay.v1.ndjson', false),
  'relay.v1.ndjson compressed': socket('relay.v1.ndjson', true),
  'server-sent events': eventStream,
  'long poll': pages({ wait: 1, limit: 7 }),
  'durable stream': durableStream,
  pages: pages({ wait: 0, limit: 23 }),
};

function socket(subprotocol: string, isCompressing: boolean): Transport {
  return (relayUrl, options) => {
    const url = withQuery(`${relayUrl.replace(/^http/, 'ws')}/relay/ws`, { after: options.after, ...options.filter });
    const headers = { authorization: `Bearer ${options.apiKey}` };
    const ws = new WebSocket(url, subprotocol, { headers, perMessageDeflate: isCompressing });
    let isSubscribed = false;
    let onUnsubscribed: ((place: Place) => void) | undefined;
    /** What is to be said again when a store was away. */
    let asked: string | undefined;
    const ask = (text: string) => {
      if (ws.readyState === ws.OPEN) ws.send(text);
    };
    ws.on('message', data => {
      for (const text of String(data).split('\n')) {
        const message = JSON.parse(text) as { type: string; id?: string; code?: string };
        options.onMessage(text, message.id ?? null);
        isSubscribed ||= message.type !== 'hello';
        if (message.type === 'error' && message.code === 'unavailable' && asked) setTimeout(ask, POLL_PAUSE_MS, asked);
        if (message.type === 'unsubscribed' && message.id) onUnsubscribed?.(message.id);
      }
    });
    ws.on('error', () => undefined);
    ws.on('close', options.onEnd);
    return {
      cut: () => ws.terminate(),
      stall: isStalled => (isStalled ? ws.pause() : ws.resume()),
      refilter(filter) {
        if (ws.readyState !== ws.OPEN || !isSubscribed) return null;
        const lists = Object.fromEntries(Object.entries(filter).map(([name, values]) => [name, values.split(',')]));
        ws.send('{"type":"unsubscribe","channels":["calls"]}');
        return new Promise<Place>(resolve => {
          onUnsubscribed = place => {
            asked = JSON.stringify({ type: 'subscribe', channels: { calls: { after: place, ...lists } } });
            ask(asked);
            resolve(place);
          };
        });
      },
    };
  };
}

function eventStream(relayUrl: string, options: ReadOptions): Reading {
  const cutting = new AbortController();
  const read = async () => {
    const isPlace = options.after !== 'start';
    const response = await fetch(
      withQuery(`${relayUrl}/relay/events/stream`, { ...(isPlace ? {} : { after: 'start' }), ...options.filter }),
      {
        headers: { 'x-api-key': options.apiKey, ...(isPlace ? { 'last-event-id': options.after } : {}) },
        signal: cutting.signal,
      },
    );
    if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) takeEvent(event, options);
    }
  };
  read()
    .catch(() => undefined)
    .finally(options.onEnd);
  return { cut: () => cutting.abort() };
}

function takeEvent(event: string, { onMessage }: ReadOptions): void {
  const lines = event.split('\n');
  const data = lines.find(line => line.startsWith('data: '))?.slice(6);
  const id = lines.find(line => line.startsWith('id: '))?.slice(4) ?? null;
  if (data !== undefined) onMessage(data, id);
}

const POLL_PAUSE_MS = 60;

function pages(paging: { wait: number; limit: number }): Transport {
  return (relayUrl, options) => {
    const cutting = new AbortController();
    const read = async () => {
      let after = options.after;
      while (!cutting.signal.aborted) {
        const query = { after, wait: String(paging.wait), limit: String(paging.limit), ...options.filter };
        const page = await readPage(relayUrl, { ...options, query, signal: cutting.signal });
        for (const text of page.events) options.onMessage(text, null);
        if (page.next !== null) after = page.next;
        options.onMessage(null, after);
        if (!page.more) await sleep(POLL_PAUSE_MS, undefined, { signal: cutting.signal });
      }
    };
    read()
      .catch(() => undefined)
      .finally(options.onEnd);
    return { cut: () => cutting.abort() };
  };
}

/** As a client of the Durable Streams protocol reads; what it is told to be gone is told here as the gap that it is. */
function durableStream(relayUrl: string, options: ReadOptions): Reading {
  const cutting = new AbortController();
  const read = async () => {
    let offset = options.after === 'start' ? '-1' : options.after;
    while (!cutting.signal.aborted) {
      const query = { offset, ...options.filter };
      const response = await fetch(withQuery(`${relayUrl}/relay/streams/calls`, query), {
        headers: { 'x-api-key': options.apiKey },
        signal: cutting.signal,
      });
      const text = await response.text();
      if (response.status === 410) {
        const { reason, lost, resumeOffset } = JSON.parse(text) as {
          reason: string;
          lost: number;
          resumeOffset: string;
        };
        options.onMessage(
          JSON.stringify({
            ...{ type: 'gap', channel: 'calls', lost: lost ?? null, reason },
            ...{ after: offset === '-1' ? null : offset, before: placeBehind(resumeOffset) },
          }),
          null,
        );
        offset = resumeOffset;
      } else if (response.ok) {
        const messages = text === '' ? [] : (JSON.parse(text) as object[]);
        for (const message of messages) options.onMessage(JSON.stringify(message), null);
        offset = response.headers.get('stream-next-offset') ?? offset;
      } else throw new Error(`a stream was answered ${response.status}: ${text}`);
      options.onMessage(null, offset);
      if (response.headers.has('stream-up-to-date')) await sleep(POLL_PAUSE_MS, undefined, { signal: cutting.signal });
    }
  };
  read()
    .catch(() => undefined)
    .finally(options.onEnd);
  return { cut: () => cutting.abort() };
}

function placeBehind(offset: string): Place | null {
  const position = parsePosition(offset);
  return position && formatPosition({ ...position, seq: position.seq + 1 });
}

export type Page = { events: string[]; next: string | null; head: string | null; more: boolean };

/** One page, its messages as they stand on the wire. */
export async function readPage(
  relayUrl: string,
  request: { apiKey: string; query: Record<string, string>; signal?: AbortSignal },
): Promise<Page> {
  const response = await fetch(withQuery(`${relayUrl}/relay/events`, request.query), {
    headers: { 'x-api-key': request.apiKey },
    ...(request.signal ? { signal: request.signal } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`a page was answered ${response.status}: ${text}`);
  const page = JSON.parse(text) as Omit<Page, 'events'> & { events: object[] };
  // The relay puts JSON together by text; a message that survives a round trip as it is may be compared as text.
  return { ...page, events: page.events.map(message => JSON.stringify(message)) };
}

function withQuery(url: string, query: Record<string, string>): string {
  return `${url}?${new URLSearchParams(query)}`;
}
