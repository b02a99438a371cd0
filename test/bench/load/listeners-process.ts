import { createHistogram } from 'node:perf_hooks';
import type { Mark } from './arrival-scanner.ts';
import { nowUs } from './event.ts';
import { createListener, type Listener } from './listener.ts';
import { createPairs } from './pairs.ts';
import type { WireTarget } from './wires.ts';

/**
 * Clients in a process of their own, steered over the channel to the parent: they connect, tell when all are in, and
 * answer with what came since the last `begin`.
 */
export interface ListenerOrder {
  readonly target: WireTarget;
  readonly clients: number;
  /** One for each client where they are not all the same. */
  readonly headers?: readonly Record<string, string>[];
  readonly paths?: readonly string[];
  readonly isStalled?: boolean;
  /** They need not be let in before they are counted: whoever replays gets events before it is told that it is live. */
  readonly isReplay?: boolean;
  /** Another number than the time of sending: it is remembered when it came, and `sentAt` says later when it was sent. */
  readonly mark?: Mark;
  /** Only counted, when there would be too many to remember. */
  readonly isCounting?: boolean;
}

export interface Tally {
  readonly received: number;
  readonly fewest: number;
  readonly most: number;
  readonly disorder: number;
  readonly gone: number;
  /** Within a second of the intended time. */
  readonly inTime: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the last event, µs since 1970. */
  readonly lastUs: number;
  /** When the first client began to connect. */
  readonly connectingUs: number;
  readonly bytes: number;
}

/** `sentAt`: numbers of events and when each was sent, µs since 1970. */
export type ListenerQuestion =
  | { begin: true }
  | { tally: true }
  | { count: true }
  | { sentAt: readonly (readonly [number: number, us: number])[] };

const IN_TIME_US = 1_000_000;
const CONNECTING_AT_ONCE = 50;
const [text = '{}'] = process.argv.slice(2);
const order = JSON.parse(text) as ListenerOrder;
const listeners: Listener[] = [];
let histogram = createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 });
let received = 0;
let inTime = 0;
let lastUs = 0;
let gone = 0;
/** One look at the clock for each turn of the loop, not for each of thousands of events in it. */
let chunkUs = 0;
let connectingUs = 0;
const arrivals = createPairs();

function take(sentUs: number): void {
  if (chunkUs === 0) {
    chunkUs = nowUs();
    setImmediate(forgetTime);
  }
  received += 1;
  lastUs = chunkUs;
  // Of what was there before it was asked for, the time of sending says nothing.
  if (order.isCounting || order.isReplay) return;
  if (order.mark) arrivals.add(sentUs, chunkUs);
  else recordLatency(chunkUs - sentUs);
}

function recordLatency(sinceUs: number): void {
  const us = Math.max(1, Math.round(sinceUs));
  if (us <= IN_TIME_US) inTime += 1;
  histogram.record(Math.min(us, 599_999_999));
}

function forgetTime(): void {
  chunkUs = 0;
}

process.on('message', (question: ListenerQuestion) => {
  if ('begin' in question) {
    for (const listener of listeners) listener.begin();
    histogram = createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 });
    [received, inTime, lastUs] = [0, 0, 0];
    arrivals.clear();
    process.send?.({ begun: true });
  } else if ('count' in question) process.send?.({ count: received });
  else if ('sentAt' in question) {
    const sentAt = new Map(question.sentAt);
    for (const [number, us] of arrivals.all()) {
      const sentUs = sentAt.get(number);
      if (sentUs !== undefined) recordLatency(us - sentUs);
    }
    process.send?.({ tally: tally() });
  } else process.send?.({ tally: tally() });
});
process.on('disconnect', () => process.exit());

function tally(): Tally {
  const each = listeners.map(listener => listener.received);
  return {
    received,
    fewest: Math.min(...each),
    most: Math.max(...each),
    disorder: listeners.reduce((sum, { disorder }) => sum + disorder, 0),
    gone,
    inTime,
    p50Ms: histogram.percentile(50) / 1_000,
    p99Ms: histogram.percentile(99) / 1_000,
    maxMs: received === 0 ? 0 : histogram.max / 1_000,
    lastUs,
    connectingUs,
    bytes: listeners.reduce((sum, { socket }) => sum + socket.bytesRead, 0),
  };
}

try {
  connectingUs = nowUs();
  for (let from = 0; from < order.clients; from += CONNECTING_AT_ONCE) {
    const count = Math.min(CONNECTING_AT_ONCE, order.clients - from);
    const some = Array.from({ length: count }, (_, i) => {
      const headers = { ...order.target.headers, ...order.headers?.[from + i] };
      const path = order.paths?.[from + i] ?? order.target.path;
      const onGone = () => {
        gone += 1;
      };
      return createListener(
        { ...order.target, headers, path },
        {
          ...{ onEvent: take, onGone, isStalled: order.isStalled ?? false },
          ...(order.mark ? { mark: order.mark } : {}),
        },
      );
    });
    listeners.push(...some);
    if (order.isReplay) for (const { ready } of some) ready.catch(() => undefined);
    else await Promise.all(some.map(({ ready }) => ready));
  }
  process.send?.({ ready: true });
} catch (error) {
  process.send?.({ failed: String(error) });
}
