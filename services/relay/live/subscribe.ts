import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { callsInScope, type DnScope } from '../keys/dn-scope.ts';
import type { Replay } from '../replay/replay.ts';
import { resolveAfter, type Start } from '../replay/resolve.ts';
import { inOneLog } from '../replay/same-log.ts';
import { settledInfo } from '../replay/settled-info.ts';
import type { TieredLog } from '../replay/tiered-log.ts';
import { toFilter } from './filter.ts';
import type { Hub } from './hub.ts';
import type { LiveClient } from './live-client.ts';
import type { Outlet } from './outlet.ts';
import type { Ring } from './ring.ts';
import { Subscription, type SubscriptionWatch } from './subscription.ts';

export interface SubscribeDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly ring: (channel: Channel) => Ring;
  readonly log: TieredLog;
  readonly replay: Replay;
  readonly watch: SubscriptionWatch;
  readonly hub: Pick<Hub, 'follow'>;
}

/** Where a subscription will begin, and what its client is told before anything else. */
export interface Plan {
  readonly ok: true;
  readonly request: ChannelRequest;
  readonly start: Start;
  /** JSON of the calls, and the position they belong to. */
  readonly snapshot: { readonly calls: string; readonly id: string | null } | null;
}

/** `scope`: what the client's key lets it see of the channel. */
export type ChannelRequest = { readonly channel: Channel; readonly scope: DnScope | null } & SubscriptionRequest;

export type Refusal = {
  readonly ok: false;
  readonly code: 'invalid_message' | 'invalid_position';
  readonly field: 'snapshot' | 'after';
  readonly message: string;
};

/** @throws when a store is away that must be asked */
export async function planSubscription(deps: SubscribeDeps, request: ChannelRequest): Promise<Plan | Refusal> {
  const { channel, after = 'now' } = request;
  if (request.snapshot) {
    if (channel === 'calls' && after === 'now') return planSnapshot(deps, request);
    const message = 'a snapshot is of calls, and starts at now: leave "after" out';
    return { ok: false, code: 'invalid_message', field: 'snapshot', message };
  }
  const start = await resolveAfter({ log: deps.log, ring: deps.ring(channel) }, channel, after);
  if (start) return { ok: true, request, start, snapshot: null };
  const message = 'must be a position that the relay sent, "start" or "now"';
  return { ok: false, code: 'invalid_position', field: 'after', message };
}

async function planSnapshot(deps: SubscribeDeps, request: ChannelRequest): Promise<Plan> {
  const { channel } = request;
  const ring = deps.ring(channel);
  const { seq, position, calls } = await inOneLog(ring, async () => {
    const read = await readSnapshot(deps.redis, deps.keys);
    // Behind the snapshot: then the ring is of the log that it was taken of, or was begun again since.
    await settledInfo({ log: deps.log, ring }, channel);
    return read;
  });
  const snapshot = { calls: callsInScope(calls, request.scope).join(','), id: position };
  const epoch = parsePosition(position ?? '')?.epoch ?? null;
  return { ok: true, request, start: { cursor: seq, gap: null, epoch }, snapshot };
}

/** Begins the subscription, in place of an earlier one of the same channel; at once, while the plan is of the log that there is. */
export function beginSubscription(
  deps: SubscribeDeps,
  plan: Plan,
  to: {
    readonly client: Outlet & LiveClient & { readonly subscriptions: Map<Channel, Subscription> };
    readonly sendText: (text: string, id: string | null) => void;
    readonly onError: (error: unknown) => void;
  },
): void {
  const { client } = to;
  const { channel, after = 'now' } = plan.request;
  client.subscriptions.get(channel)?.end();
  const subscription = new Subscription(
    {
      channel,
      filter: toFilter(plan.request, plan.request.scope),
      asked: plan.request,
      cursor: plan.start.cursor,
      epoch: plan.start.epoch,
    },
    { ring: deps.ring(channel), replay: deps.replay, outlet: client, onError: to.onError, watch: deps.watch },
  );
  client.subscriptions.set(channel, subscription);
  deps.hub.follow(client, channel);
  if (plan.snapshot) {
    const { calls, id } = plan.snapshot;
    to.sendText(`{"type":"snapshot","channel":"calls","id":${JSON.stringify(id)},"calls":[${calls}]}`, id);
  }
  if (plan.start.gap) subscription.sendGap({ after, ...plan.start.gap });
  subscription.start();
}

/** Greeting somebody must not depend on PostgreSQL, nor wait for one that is frozen. */
const GREET_WITHIN_MS = 500;

/** What `hello` says of a channel. */
export async function describeChannel(deps: SubscribeDeps, channel: Channel) {
  const hot = await deps.log.greetingInfo(channel);
  const { epochs, head, oldest } = await within(GREET_WITHIN_MS, deps.log.wholeInfo(hot)).catch(() => hot);
  const epoch = epochs.at(-1)?.epoch;
  if (!epoch) return { epoch: null, head: null, oldest: null };
  const first = epochs.findLast(start => start.first <= oldest)?.epoch ?? epoch;
  return {
    epoch,
    head: formatPosition({ epoch, seq: head }),
    oldest: formatPosition({ epoch: first, seq: Math.min(oldest, head) }),
  };
}
