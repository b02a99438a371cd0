import type { Feed } from '../feed/feed.ts';
import { garbageFrame } from '../feed/garbage.ts';
import type { SocketHub } from '../feed/socket-hub.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import type { FaultDesk, FaultRule } from './fault-desk.ts';

type FaultOrder = {
  kind: 'drop' | 'stall' | 'expire-token' | 'reject-upgrade' | 'garbage' | 'http-error' | 'slow' | 'not-found';
  count?: number;
  ms?: number;
  status?: number;
  path?: string;
  answerPings?: boolean;
  bytes?: number;
};

export type FaultControls = {
  apply(order: FaultOrder): Record<string, unknown>;
  active(): Array<Record<string, unknown>>;
  clear(): void;
};

type ControlsDeps = { desk: FaultDesk; hub: SocketHub; feed: Feed; tokens: TokenOffice; monotonicMs: () => number };

const DEFAULT_STALL_MS = 10_000;
const DEFAULT_SLOW_MS = 2000;

/** Gives each fault its effect: some happen once, some become a rule that the HTTP face asks about. */
export function createFaultControls({ desk, hub, feed, tokens, monotonicMs }: ControlsDeps): FaultControls {
  /** Without count and time a rule would never end, which is never what a test meant: once. */
  const limits = ({ count, ms }: FaultOrder) => ({
    ...(count === undefined && ms === undefined ? { count: 1 } : {}),
    ...(count === undefined ? {} : { count }),
    ...(ms === undefined ? {} : { spanMs: ms }),
  });
  const path = (order: FaultOrder) => (order.path === undefined ? {} : { path: order.path });

  const effects: Record<FaultOrder['kind'], (order: FaultOrder) => Record<string, unknown>> = {
    drop(order) {
      if (order.ms !== undefined) desk.add({ kind: 'refuse-upgrade', spanMs: order.ms });
      return { dropped: hub.dropAll() };
    },
    stall(order) {
      const ms = order.ms ?? DEFAULT_STALL_MS;
      hub.stall(ms, order.answerPings ?? true);
      return { ms };
    },
    'expire-token'() {
      tokens.expire();
      return {};
    },
    'reject-upgrade'(order) {
      return { rule: desk.add({ kind: 'reject-upgrade', status: order.status ?? 401, ...limits(order) }) };
    },
    garbage(order) {
      const count = order.count ?? 1;
      hub.batch(() => {
        for (let index = 0; index < count; index++) feed.garbage(garbageFrame(index, order.bytes));
      });
      return { sent: count };
    },
    'http-error'(order) {
      const status = order.status ?? 500;
      return { rule: desk.add({ kind: 'http-error', status, ...path(order), ...limits(order) }) };
    },
    'not-found'(order) {
      return { rule: desk.add({ kind: 'not-found', status: 404, ...path(order), ...limits(order) }) };
    },
    slow(order) {
      const delayMs = order.ms ?? DEFAULT_SLOW_MS;
      return { rule: desk.add({ kind: 'slow', delayMs, count: order.count ?? 1, ...path(order) }) };
    },
  };

  const show = ({ untilMs, ...rule }: FaultRule) => ({
    ...rule,
    leftMs: untilMs === null ? null : Math.round(untilMs - monotonicMs()),
  });

  return {
    apply(order) {
      return { kind: order.kind, ...effects[order.kind](order) };
    },
    active: () => [...desk.active().map(show), ...(hub.isStalled ? [{ kind: 'stall' }] : [])],
    clear() {
      desk.clear();
      hub.resume();
    },
  };
}
