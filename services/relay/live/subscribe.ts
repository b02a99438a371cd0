import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type { CatchUp } from './catch-up.ts';
import type { Connection } from './connection.ts';
import { toFilter } from './filter.ts';
import type { Ring } from './ring.ts';
import { Subscription } from './subscription.ts';

export interface SubscribeDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly ring: (channel: Channel) => Ring;
  readonly catchUp: CatchUp;
}

/** Begins one channel's subscription at the place that was asked for, in place of an earlier one. */
export async function subscribe(
  deps: SubscribeDeps,
  connection: Connection,
  request: { channel: Channel } & SubscriptionRequest,
): Promise<void> {
  const { channel } = request;
  const ring = deps.ring(channel);
  const after = request.after ?? 'now';
  if (request.snapshot && (channel !== 'calls' || after !== 'now')) {
    return connection.refuse(
      'invalid_message',
      `channels.${channel}.snapshot: a snapshot is of calls, and starts at now: leave "after" out`,
      `channels.${channel}.snapshot`,
    );
  }
  const start = request.snapshot ? await startAtSnapshot(deps, connection) : await startAt(deps, ring, channel, after);
  if (!start) {
    return connection.refuse(
      'invalid_position',
      `channels.${channel}.after: must be a position that the relay sent, "start" or "now"`,
      `channels.${channel}.after`,
    );
  }
  if (connection.isClosed) return;
  connection.subscriptions.get(channel)?.end();
  const subscription = new Subscription(
    { channel, filter: toFilter(request), cursor: start.cursor },
    {
      ring,
      catchUp: deps.catchUp,
      outlet: connection,
      onError: () => {
        // The client comes back with its position: better than a subscription that stands still.
        connection.sendError('unavailable', 'the log cannot be read right now; reconnect with your position');
        connection.terminate();
      },
    },
  );
  connection.subscriptions.set(channel, subscription);
  if (start.gap) subscription.sendGap({ after, ...start.gap });
  subscription.start();
}

type Start = ReturnType<typeof resolvePosition>;

async function startAt(deps: SubscribeDeps, ring: Ring, channel: Channel, after: string): Promise<Start | null> {
  if (after === 'now') return { cursor: ring.head, gap: null };
  if (after === 'start') {
    const info = await readLogInfo(deps.redis, deps.keys, channel);
    return { cursor: info.oldest - 1, gap: null };
  }
  const position = parsePosition(after);
  if (!position) return null;
  const isCurrent = position.epoch === ring.epochs.at(-1)?.epoch;
  if (isCurrent && position.seq <= ring.head && (position.seq === ring.head || ring.blockAfter(position.seq))) {
    return { cursor: position.seq, gap: null };
  }
  return resolvePosition(position, await readLogInfo(deps.redis, deps.keys, channel));
}

async function startAtSnapshot(deps: SubscribeDeps, connection: Connection): Promise<Start> {
  const snapshot = await readSnapshot(deps.redis, deps.keys);
  const calls = Object.values(snapshot.calls).join(',');
  const id = snapshot.position === null ? 'null' : `"${snapshot.position}"`;
  connection.sendText(`{"type":"snapshot","channel":"calls","id":${id},"calls":[${calls}]}`);
  return { cursor: snapshot.seq, gap: null };
}

export async function describeChannel(deps: SubscribeDeps, channel: Channel) {
  const { epochs, head, oldest } = await readLogInfo(deps.redis, deps.keys, channel);
  const epoch = epochs.at(-1)?.epoch;
  if (!epoch) return { epoch: null, head: null, oldest: null };
  const first = epochs.findLast(start => start.first <= oldest)?.epoch ?? epoch;
  return {
    epoch,
    head: formatPosition({ epoch, seq: head }),
    oldest: formatPosition({ epoch: first, seq: Math.min(oldest, head) }),
  };
}
