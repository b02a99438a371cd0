import type { Call } from '../pbx/call.ts';
import type { CdrParty } from '../pbx/cdr-segment.ts';
import type { Directory } from '../pbx/directory.ts';
import type { EntityType, Row } from './entity-set.ts';
import { isoTime } from './iso-time.ts';

export const ACTIVE_CALL: EntityType = {
  name: 'Pbx.ActiveCall',
  fields: ['Id', 'Caller', 'Callee', 'Status', 'LastChangeStatus', 'EstablishedAt', 'ServerNow'],
};

type Status = 'Initiating' | 'Routing' | 'Dialing' | 'Ringing' | 'Connected' | 'Talking' | 'Transferring';

/** Both words are seen for a call that was answered (3cx.md §2.2); which one when is a guess. */
const CONNECTED_MS = 1000;

/** `EstablishedAt` is taken for the beginning of the call, as clients use it that count its duration (guess). */
export function toActiveCall(call: Call, directory: Directory, nowMs: number): Row {
  const waitsIn = call.answeredAt === null ? queueOf(call, directory) : null;
  return {
    Id: call.callid,
    Caller: callerOf(call, directory),
    Callee: waitsIn ?? calleeOf(call, directory),
    // The queue has picked up: who waits there "talks" with the queue (REDiTECH, 3cx.md §2.2).
    Status: waitsIn === null ? statusOf(call, nowMs) : 'Talking',
    LastChangeStatus: isoTime(call.answeredAt ?? call.startedAt),
    EstablishedAt: isoTime(call.startedAt),
    ServerNow: isoTime(nowMs),
  };
}

function statusOf(call: Call, nowMs: number): Status {
  const { legs, answeredAt, segment } = call;
  if (legs.length === 0) return segment === null ? 'Initiating' : 'Routing';
  const isRinging = legs.some(leg => leg.status === 'Ringing');
  if (answeredAt !== null) {
    if (isRinging) return 'Transferring';
    return nowMs - answeredAt < CONNECTED_MS ? 'Connected' : 'Talking';
  }
  return isRinging ? 'Ringing' : 'Dialing';
}

function queueOf(call: Call, directory: Directory): string | null {
  const queue = directory.queues.get(call.plan.distributor ?? '');
  return queue ? `${queue.dn} - ${queue.name}` : null;
}

function callerOf({ plan, segment }: Call, directory: Directory): string {
  if (segment) return displayed(segment.source);
  return plan.scenario === 'internal' || plan.scenario === 'outbound'
    ? extension(plan.dn, directory)
    : `${directory.trunkDn} ${plan.number}`;
}

/** Whoever rings or talks now is closer to the truth than the plan: a transfer has moved the call on. */
function calleeOf({ plan, segment, legs }: Call, directory: Directory): string {
  if (segment) return displayed(segment.destination);
  if (plan.scenario === 'outbound') return `${directory.trunkDn} ${plan.number}`;
  const dn = plan.scenario === 'internal' ? plan.number : (legs.at(-1)?.dn ?? plan.dn);
  return extension(dn, directory);
}

/** Display strings as captured: `10007 +49…`, `101 Amelia Hart`, `800 - Queue 1` (3cx.md §2.2). */
function displayed(party: CdrParty): string {
  if (party.entityType === 'external_line') return `${party.dnNumber} ${party.phoneNumber}`;
  if (party.entityType === 'extension') return `${party.dnNumber} ${party.name}`;
  if (party.dnNumber !== '') return `${party.dnNumber} - ${party.dnName}`;
  return party.phoneNumber || party.name;
}

function extension(dn: string, directory: Directory): string {
  return `${dn} ${directory.extensions.get(dn)?.name ?? ''}`.trim();
}
