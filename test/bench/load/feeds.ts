import { connect } from 'node:net';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import { Redis } from 'ioredis';

/** Where events are put in, for each kind of server; plain data, so that it can be told to another process. */
export type FeedTarget =
  | { readonly feed: 'log'; readonly redisUrl: string; readonly pbxId: string }
  | { readonly feed: 'socket.io'; readonly redisUrl: string }
  | { readonly feed: 'stream'; readonly redisUrl: string; readonly key: string; readonly isTrimmed?: boolean }
  | { readonly feed: 'nats'; readonly port: number; readonly subject: string; readonly isStored: boolean }
  | { readonly feed: 'nchan'; readonly port: number; readonly path: string };

export interface Feed {
  /** Takes them in order; may answer before they are stored, to be as fast as the protocol allows. */
  send(events: readonly string[]): Promise<void> | void;
  /** Resolves when everything is acknowledged. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export function openFeed(target: FeedTarget): Feed | Promise<Feed> {
  switch (target.feed) {
    case 'log':
      return openLog(target);
    case 'socket.io':
      return openStream(target.redisUrl, { key: 'socket.io', fieldsOf: socketIoFields, isTrimmed: true });
    case 'stream':
      return openStream(target.redisUrl, {
        ...{ key: target.key, fieldsOf: event => ['b', event], isTrimmed: target.isTrimmed ?? true },
      });
    case 'nats':
      return openNats(target);
    case 'nchan':
      return openNchan(target);
  }
}

/** As ingest writes: one batch in flight, what comes meanwhile is the next. */
function openLog({ redisUrl, pbxId }: { redisUrl: string; pbxId: string }): Feed {
  const redis = new Redis(redisUrl);
  const keys = createLogKeys(pbxId);
  const writer = new LogWriter({
    channel: 'calls',
    writerId: `bench-${process.pid}-${Date.now()}`,
    append: batch => appendToLog({ redis, keys, channel: 'calls' }, batch),
    maxWaitingBytes: 512 * 1024 ** 2,
  });
  return {
    send(events) {
      const at = Date.now();
      for (const body of events) {
        writer.write({ type: 'call_event', at, body, dn: '101', call: 'c1', event: 'call.updated' });
      }
    },
    flush: () => writer.flush(),
    stop: async () => void (await redis.quit()),
  };
}

/** As the adapter itself writes a broadcast, and as its emitter does: `XADD` with its own fields and its own cap. */
function socketIoFields(event: string): string[] {
  const data = `{"opts":{"rooms":[],"except":[],"flags":{}},"packet":{"type":2,"data":["event",${event}],"nsp":"/"}}`;
  return ['uid', 'emitter', 'nsp', '/', 'type', '3', 'data', data];
}

function openStream(
  redisUrl: string,
  { key, fieldsOf, isTrimmed }: { key: string; fieldsOf: (event: string) => string[]; isTrimmed: boolean },
): Feed {
  const redis = new Redis(redisUrl);
  const cap = isTrimmed ? ['MAXLEN', '~', '10000'] : [];
  let last: Promise<unknown> = Promise.resolve();
  return {
    send(events) {
      const pipeline = redis.pipeline();
      for (const event of events) pipeline.call('XADD', key, ...cap, '*', ...fieldsOf(event));
      last = pipeline.exec();
    },
    flush: async () => void (await last),
    stop: async () => void (await redis.quit()),
  };
}

async function openNats(target: { port: number; subject: string; isStored: boolean }): Promise<Feed> {
  const connection = await openBytes(target.port, 'PONG\r\n', chunk => {
    if (chunk.includes('PING\r\n')) connection.write('PONG\r\n');
  });
  const inbox = `_INBOX.publisher${process.pid}`;
  connection.write(`CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${inbox} 1\r\nPING\r\n`);
  await connection.until(1);
  let sent = 0;
  const acknowledged = connection.count('MSG _INBOX');
  return {
    send(events) {
      const reply = target.isStored ? ` ${inbox}` : '';
      sent += events.length;
      connection.write(events.map(event => `PUB ${target.subject}${reply} ${event.length}\r\n${event}\r\n`).join(''));
    },
    flush: () => (target.isStored ? acknowledged.until(sent) : Promise.resolve()),
    stop: async () => connection.end(),
  };
}

/** Messages by HTTP on one connection, pipelined. */
async function openNchan({ port, path }: { port: number; path: string }): Promise<Feed> {
  const connection = await openBytes(port, 'HTTP/1.1 20');
  const stored = connection.count('HTTP/1.1 20');
  let sent = 0;
  return {
    send(events) {
      sent += events.length;
      const post = (event: string) =>
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${event.length}\r\n\r\n${event}`;
      connection.write(events.map(post).join(''));
    },
    flush: () => stored.until(sent),
    stop: async () => connection.end(),
  };
}

interface Counted {
  until(count: number): Promise<void>;
}

interface Bytes {
  write(text: string): void;
  /** Of the answer that was named first. */
  until(count: number): Promise<void>;
  count(answer: string): Counted;
  end(): void;
}

const ANSWER_MS = 120_000;

/** A bare connection on which answers are counted by a text that each of them holds. */
async function openBytes(port: number, answer: string, onChunk?: (chunk: string) => void): Promise<Bytes> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const counters: { answer: string; seen: number; rest: string; wake: () => void }[] = [];
  socket.on('data', bytes => {
    const chunk = bytes.toString('latin1');
    onChunk?.(chunk);
    for (const counter of counters) {
      const text = counter.rest + chunk;
      const parts = text.split(counter.answer);
      counter.seen += parts.length - 1;
      counter.rest = (parts.at(-1) ?? '').slice(-(counter.answer.length - 1));
      counter.wake();
    }
  });
  function count(of: string): Counted {
    const counter = { answer: of, seen: 0, rest: '', wake: () => {} };
    counters.push(counter);
    return {
      until(wanted) {
        return new Promise((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`${counter.seen} of ${wanted} answers came`)), ANSWER_MS);
          counter.wake = () => {
            if (counter.seen < wanted) return;
            clearTimeout(timer);
            resolve();
          };
          counter.wake();
        });
      },
    };
  }
  const first = count(answer);
  return { write: text => void socket.write(text), until: first.until, count, end: () => socket.destroy() };
}
