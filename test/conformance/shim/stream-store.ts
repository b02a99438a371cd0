import { randomUUID } from 'node:crypto';
import { toFilter } from '@3cx-relay/relay/live/filter.ts';
import { type ChannelSourceDeps, createChannelSource } from '@3cx-relay/relay/streams/channel-source.ts';
import type { StreamRead, StreamSource } from '@3cx-relay/relay/streams/stream-source.ts';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { formatOf } from './stream-formats.ts';

/**
 * Streams that can be written, over one channel of a real log: each message is an entry, its stream stands where a call's
 * id would, and a stream is read as the channel with that call as its filter. So the suite meets the ring, Redis, the
 * tail and the handler of the relay; here is only what a message looks like.
 */
export type WritableStream = {
  contentType: string;
  /** Where it began: its `-1`. */
  start: string;
  /** The highest `Stream-Seq`. */
  writerSeq: string | null;
  source: StreamSource;
  /** Resolves with the offset behind them. */
  append(messages: readonly Buffer[]): Promise<string>;
};

const channel = 'calls';
const isJson = (contentType: string) => formatOf(contentType).contentType === 'application/json';

export function createStreamStore(deps: ChannelSourceDeps & { redis: Redis; keys: LogKeys }) {
  const { redis, keys } = deps;
  let lastWrite: Promise<unknown> = Promise.resolve();
  let written = 0;
  let highest = 0;

  /** One batch at a time, as the log wants it of a writer. */
  function write(entries: readonly NewEntry[]): Promise<string> {
    const writing = lastWrite.then(async () => {
      const batch = { writerId: 'shim', firstWriterSeq: written + 1, entries, highestKnownSeq: highest };
      const { epoch, lastSeq } = await appendToLog({ redis, keys, channel }, batch);
      written += entries.length;
      highest = lastSeq;
      return formatPosition({ epoch, seq: lastSeq });
    });
    lastWrite = writing;
    return writing;
  }

  return {
    async create(contentType: string): Promise<WritableStream> {
      const call = randomUUID();
      const messagesOf = createChannelSource(deps, { channel, filter: toFilter({ call: [call] }, null) });
      const start = await messagesOf.tail();
      const toPayload = (data: string) => Buffer.from(data, 'base64');
      const source: StreamSource = {
        ...messagesOf,
        format: formatOf(contentType),
        async read(offset, bounds): Promise<StreamRead> {
          const found = await messagesOf.read(offset === '-1' ? start : offset, bounds);
          if (found.kind !== 'chunk') return found;
          const messages = JSON.parse(`[${found.parts.join(',')}]`) as { data: string }[];
          return { ...found, parts: messages.map(({ data }) => toPayload(data)) };
        },
      };
      return {
        contentType,
        start,
        writerSeq: null,
        source,
        append: messages => {
          const at = Date.now();
          const toBody = (message: Buffer) => JSON.stringify({ at, data: message.toString('base64') });
          return write(messages.map(message => ({ type: 'call_event', at, body: toBody(message), call })));
        },
      };
    },
    /** What a body holds: of a JSON array its elements, one level deep. Null when it is not what it should be. */
    messagesIn(contentType: string, body: Buffer): Buffer[] | null {
      if (!isJson(contentType)) return body.length > 0 ? [body] : [];
      try {
        const value: unknown = JSON.parse(String(body));
        return (Array.isArray(value) ? value : [value]).map(each => Buffer.from(JSON.stringify(each)));
      } catch {
        return null;
      }
    },
  };
}

export type StreamStore = ReturnType<typeof createStreamStore>;
