import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { expect, it } from 'vitest';
import { type Block, createBlock } from './block.ts';
import { toFilter } from './filter.ts';
import type { Outlet } from './outlet.ts';
import { createRing } from './ring.ts';
import { Subscription, type SubscriptionWatch } from './subscription.ts';

const epochs = [{ epoch: 'mmmmmmmm', first: 1 }];

function entry(seq: number): LogEntry {
  const body = `{"at":"2026-01-01T00:00:00.000Z","n":${seq}}`;
  return {
    channel: 'calls',
    epoch: 'mmmmmmmm',
    seq,
    type: 'call_event',
    at: 0,
    body,
    dn: '101',
    call: null,
    event: null,
  };
}

/**
 * `kept`: a page that was read for somebody else. `epoch`: that of the cursor, as the client knows it. `isBusy`: the socket
 * takes nothing until `takes()`.
 */
function stage(cursor: number, options: { kept?: Block; epoch?: string; isBusy?: boolean } = {}) {
  const { kept, epoch = 'mmmmmmmm' } = options;
  const told: string[] = [];
  const dropped: number[] = [];
  const idle = Promise.withResolvers<void>();
  let isBusy = options.isBusy ?? false;
  const outlet: Outlet = {
    encoding: 'sse',
    isClosed: false,
    isIdle: () => !isBusy,
    whenIdle: () => idle.promise,
    maxBytes: () => 1_000_000,
    write: bytes =>
      void told.push(
        ...String(bytes)
          .matchAll(/"n":(\d+)/g)
          .map(([, n]) => String(n)),
      ),
    send: message =>
      void told.push(message.type === 'gap' ? `${message.after} ${message.reason} ${message.before}` : message.type),
    cork: () => undefined,
    uncork: () => undefined,
  };
  const watch: SubscriptionWatch = {
    fellBack: () => undefined,
    replayed: () => undefined,
    gap: () => undefined,
    dropped: entries => void dropped.push(entries),
  };
  const ring = createRing({ channel: 'calls', epochs, head: kept?.last ?? 5, oldest: 1 }, 1_000_000);
  const replay = {
    blockAfter: () => ring.blockAfter(cursor) ?? kept ?? Promise.resolve(null),
    forget: () => undefined,
  };
  const filter = toFilter({ dn: ['101'] }, null);
  const deps = { ring, replay, outlet, watch, onError: () => undefined };
  const subscription = new Subscription({ channel: 'calls', filter, cursor, epoch }, deps);
  subscription.start();
  const arrive = (...seqs: number[]) => subscription.onBlock(ring.append(seqs.map(entry), epochs));
  const arriveIn = (now: typeof epochs, ...seqs: number[]) => subscription.onBlock(ring.append(seqs.map(entry), now));
  const takes = async () => {
    isBusy = false;
    idle.resolve();
    await idle.promise;
  };
  return { told, dropped, arrive, arriveIn, takes, position: () => subscription.position };
}

const at = (epoch: string, seq: number) => formatPosition({ epoch, seq });

it('a filtered client whose snapshot is ahead of what this process has read waits for what follows it', () => {
  const { told, dropped, arrive } = stage(8);
  arrive(6, 7);
  arrive(8, 9);
  expect(told).toEqual(['caught_up', '9']);
  expect(dropped.every(entries => entries >= 0)).toBe(true);
});

it('whoever comes to a page that was read for somebody else is told of the hole that it begins with', () => {
  const { told } = stage(5, { kept: createBlock({ after: 4, last: 9, entries: [entry(8), entry(9)], epochs }) });
  expect(told).toEqual([`${at('mmmmmmmm', 5)} retention ${at('mmmmmmmm', 8)}`, '8', '9', 'caught_up']);
});

it.each([
  ['of an epoch that this process knows', 'mmmmmmmm', 'log_rolled_back'],
  ['of an epoch that it has not come to, and never will', 'nnnnnnnn', 'log_reset'],
])(
  'whoever has seen more than this process has read, %s, is told when that is lost and gets what is written there',
  (_, epoch, reason) => {
    const { told, arriveIn, position } = stage(8, { epoch });
    expect(position()).toBe(at(epoch, 8));
    arriveIn([...epochs, { epoch: 'pppppppp', first: 6 }], 6);
    arriveIn([...epochs, { epoch: 'pppppppp', first: 6 }], 7, 8, 9);
    const gap = `${at(epoch, 8)} ${reason} ${at('pppppppp', 6)}`;
    expect(told).toEqual(['caught_up', gap, '6', '7', '8', '9']);
    expect(position()).toBe(at('pppppppp', 9));
  },
);

it('whoever has seen entries of an epoch that this process has not come to yet keeps his place', () => {
  const { told, arrive, arriveIn, position } = stage(8, { epoch: 'nnnnnnnn' });
  arrive(6);
  expect(position()).toBe(at('nnnnnnnn', 8));
  arriveIn([...epochs, { epoch: 'nnnnnnnn', first: 7 }], 7, 8, 9);
  expect(told).toEqual(['caught_up', '9']);
  expect(position()).toBe(at('nnnnnnnn', 9));
});

it('whoever comes with more than this process has read, and whose socket is busy until that is lost, is told all the same', async () => {
  const { told, arriveIn, takes } = stage(8, { isBusy: true });
  arriveIn([...epochs, { epoch: 'pppppppp', first: 6 }], 6, 7, 8, 9);
  await takes();
  const gap = `${at('mmmmmmmm', 8)} log_rolled_back ${at('pppppppp', 6)}`;
  expect(told).toEqual([gap, '6', '7', '8', '9', 'caught_up']);
});
