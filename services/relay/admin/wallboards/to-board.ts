import type { Board, BoardCall } from '@3cx-relay/shared/wire/admin/wallboards.ts';
import { call, leg, type Party } from '@3cx-relay/shared/wire/call.ts';
import { z } from 'zod';

/** No screen shows more, and no answer grows beyond some hundred kB. */
const MAX_CALLS = 300;
const SHOWN_DIGITS = 2;

/** What a board is made of; of a call of another version nothing else has to be there. */
export const shownOfCall = z.object({
  ...call.pick({ callId: true, state: true, direction: true, startedAt: true, ringingAt: true, answeredAt: true })
    .shape,
  ...call.pick({ caller: true, callee: true, via: true }).shape,
  legs: z.array(leg.pick({ dn: true })),
});

type ShownOfCall = z.infer<typeof shownOfCall>;

/** What a screen may show of the calls of this moment. */
export function toBoardCalls(calls: readonly ShownOfCall[]): Omit<Board, 'asOf' | 'position' | 'today'> {
  const sorted = calls
    .filter(({ state }) => state !== 'ended')
    .sort((one, other) => (one.callId < other.callId ? -1 : 1));
  const throughQueue = sorted.filter(({ via }) => via !== null);
  const waiting = throughQueue.filter(isWaiting);
  const byQueue = Map.groupBy(throughQueue, ({ via }) => via?.dn ?? '');
  return {
    calls: sorted.slice(0, MAX_CALLS).map(toBoardCall),
    moreCalls: Math.max(0, sorted.length - MAX_CALLS),
    waiting: waiting.length,
    waitingSince: earliest(waiting),
    queues: [...byQueue]
      .map(([dn, own]) => {
        const ownWaiting = own.filter(isWaiting);
        return {
          dn,
          type: own[0]?.via?.type ?? 'queue',
          waiting: ownWaiting.length,
          waitingSince: earliest(ownWaiting),
          talking: own.length - ownWaiting.length,
        };
      })
      .sort((one, other) => one.dn.localeCompare(other.dn, 'en', { numeric: true })),
  };
}

function toBoardCall(call: ShownOfCall): BoardCall {
  const { callId, state, direction, startedAt, ringingAt, answeredAt, via } = call;
  return {
    ...{ callId, state, direction, startedAt, ringingAt, answeredAt },
    caller: toBoardParty(call.caller),
    callee: toBoardParty(call.callee),
    dns: [...new Set(call.legs.map(({ dn }) => dn))],
    via: via && { dn: via.dn, type: via.type },
  };
}

function toBoardParty({ dn, number }: Party): BoardCall['caller'] {
  return { dn, number: dn !== null || number === null ? null : maskNumber(number) };
}

/** Digits alone: what else may stand in its place, such as a name of SIP, is not shown at all. */
function maskNumber(number: string): string {
  const digits = number.replace(/\D/g, '');
  return digits.length <= SHOWN_DIGITS ? '•••' : `•••${digits.slice(-SHOWN_DIGITS)}`;
}

function isWaiting({ answeredAt }: ShownOfCall): boolean {
  return answeredAt === null;
}

function earliest(calls: readonly ShownOfCall[]): string | null {
  const times = calls.map(({ startedAt, ringingAt }) => startedAt ?? ringingAt).filter(time => time !== null);
  return times.sort()[0] ?? null;
}
