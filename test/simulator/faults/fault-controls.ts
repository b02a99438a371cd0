import type { Feed } from '../feed/feed.ts';
import { type GarbageForm, garbageFrame } from '../feed/garbage.ts';
import type { SocketHub } from '../feed/socket-hub.ts';
import type { Participant } from '../pbx/participant.ts';
import type { Switchboard } from '../pbx/switchboard.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import type { FaultDesk, FaultRule } from './fault-desk.ts';

type FaultOrder = {
  kind:
    | 'drop'
    | 'stall'
    | 'dead-sockets'
    | 'expire-token'
    | 'reject-upgrade'
    | 'hang-upgrade'
    | 'close'
    | 'garbage'
    | 'storm'
    | 'lose'
    | 'reset-sequence'
    | 'http-error'
    | 'slow'
    | 'not-found';
  count?: number;
  ms?: number;
  status?: number;
  path?: string;
  answerPings?: boolean;
  bytes?: number;
  form?: GarbageForm;
  texts?: string[];
  forever?: boolean;
  code?: number;
  eventType?: number;
  dn?: string;
  keepSequence?: boolean;
  client?: string;
};

export type FaultControls = {
  apply(order: FaultOrder): Record<string, unknown>;
  active(): Array<Record<string, unknown>>;
  clear(): void;
};

type ControlsDeps = {
  desk: FaultDesk;
  hub: SocketHub;
  feed: Feed;
  tokens: TokenOffice;
  board: Switchboard;
  /** Participants that are there now. */
  present: () => Participant[];
  monotonicMs: () => number;
};

const DEFAULT_STALL_MS = 10_000;
const DEFAULT_SLOW_MS = 2000;
const DEFAULT_STORM = 100;

/** Gives each fault its effect: some happen once, some become a rule that the HTTP face asks about. */
export function createFaultControls(deps: ControlsDeps): FaultControls {
  const { desk, hub, feed, tokens, board, present, monotonicMs } = deps;
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
      const ms = order.forever ? Number.POSITIVE_INFINITY : (order.ms ?? DEFAULT_STALL_MS);
      hub.stall(ms, order.answerPings ?? true);
      return order.forever ? { forever: true } : { ms };
    },
    'dead-sockets'() {
      return { sockets: hub.deaden() };
    },
    'expire-token'(order) {
      tokens.expire(order.client);
      return {};
    },
    'reject-upgrade'(order) {
      return { rule: desk.add({ kind: 'reject-upgrade', status: order.status ?? 401, ...limits(order) }) };
    },
    'hang-upgrade'(order) {
      return { rule: desk.add({ kind: 'hang-upgrade', ...limits(order) }) };
    },
    close(order) {
      const code = order.code ?? 1012;
      // 1006 is never sent in a frame: it is what a client sees when there was none.
      return { closed: code === 1006 ? hub.dropAll() : hub.closeAll(code, 'closed on command'), code };
    },
    garbage(order) {
      const count = order.texts?.length ?? order.count ?? 1;
      hub.batch(() => {
        for (let index = 0; index < count; index++) {
          const text = order.texts?.[index];
          const { content, asText } =
            text === undefined ? garbageFrame(index, order.form, order.bytes) : { content: text, asText: true };
          feed.garbage(content, asText);
        }
      });
      return { sent: count };
    },
    storm(order) {
      const legs = present().filter(({ dn }) => order.dn === undefined || dn === order.dn);
      const count = legs.length === 0 ? 0 : (order.count ?? DEFAULT_STORM);
      hub.batch(() => {
        for (let index = 0; index < count; index++) {
          const leg = legs[index % legs.length];
          if (leg) board.upsert(leg);
        }
      });
      return { sent: count };
    },
    lose(order) {
      const { count = 1, eventType = null, dn = null, keepSequence = false } = order;
      feed.lose({ count, eventType, dn, keepSequence });
      return { count };
    },
    'reset-sequence'() {
      feed.resetSequence();
      return {};
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
    active: () => [
      ...desk.active().map(show),
      ...(hub.isStalled ? [{ kind: 'stall' }] : []),
      ...(feed.loss ? [{ kind: 'lose', ...feed.loss }] : []),
    ],
    clear() {
      desk.clear();
      hub.resume();
      feed.lose(null);
    },
  };
}
