import type { TestRelay } from './relay.ts';
import type { WireMessage } from './relay-client.ts';

export type StreamChunk = { response: Response; messages: WireMessage[]; next: string; isUpToDate: boolean };

export type StreamEvent = { type: string; data: unknown };

/** Reads `/relay/streams` of one relay by hand: every header and status is the test's to judge. */
export type StreamReader = {
  request(path: string, query?: Record<string, string> | string, init?: RequestInit): Promise<Response>;
  read(query?: Record<string, string>, channel?: string): Promise<StreamChunk>;
  /** Chunks up to the tail. */
  readAll(query?: Record<string, string>): Promise<StreamChunk[]>;
  tail(): Promise<string>;
};

export function createStreamReader(relay: TestRelay): StreamReader {
  const reader: StreamReader = {
    request(path, query = {}, init = {}) {
      const headers = { authorization: `Bearer ${relay.apiKey}`, ...(init.headers as Record<string, string>) };
      return fetch(`${relay.url}/relay/streams/${path}?${new URLSearchParams(query)}`, { ...init, headers });
    },
    async read(query = {}, channel = 'calls') {
      const response = await reader.request(channel, query);
      if (response.status !== 200) throw new Error(`${response.status} instead of a chunk: ${await response.text()}`);
      return {
        response,
        messages: (await response.json()) as WireMessage[],
        next: response.headers.get('stream-next-offset') ?? '',
        isUpToDate: response.headers.get('stream-up-to-date') === 'true',
      };
    },
    async readAll(query = {}) {
      const chunks = [await reader.read(query)];
      for (let last = chunks[0]; last && !last.isUpToDate; ) {
        last = await reader.read({ ...query, offset: last.next });
        chunks.push(last);
      }
      return chunks;
    },
    async tail() {
      const response = await reader.request('calls', {}, { method: 'HEAD' });
      return response.headers.get('stream-next-offset') ?? '';
    },
  };
  return reader;
}

/** The whole of a connection, from its first byte to the close by the relay. */
export async function readStreamEvents(response: Response): Promise<StreamEvent[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .map(block => block.split('\n'))
    .filter(([first]) => first?.startsWith('event: '))
    .map(([first = '', data = '']) => ({
      type: first.slice('event: '.length),
      data: JSON.parse(data.slice('data:'.length)) as unknown,
    }));
}
