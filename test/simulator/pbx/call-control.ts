import type { CallEngine } from './call-engine.ts';
import type { CallPlanner } from './call-plans.ts';
import type { Directory } from './directory.ts';
import type { Participant } from './participant.ts';
import type { Switchboard } from './switchboard.ts';

/** An HTTP status and a JSON value: the same answer goes out by REST and inside a socket response frame. */
export type Answer = { status: number; body: unknown };

type ApiDeps = {
  board: Switchboard;
  engine: CallEngine;
  planner: CallPlanner;
  directory: Directory;
  clientId: string;
};

export type CallControlApi = {
  /** GET below `/callcontrol`; the segments after it, decoded. */
  read(segments: readonly string[]): Answer;
  /** POST of an action with its parsed body. */
  act(segments: readonly string[], body: Readonly<Record<string, unknown>>): Answer;
};

const NOT_FOUND: Answer = { status: 404, body: { error: 'not_found' } };

/** Call control as a real V20 exposes it (3cx.md §1.4): every DN of the API client, and the client's own route point. */
export function createCallControlApi(deps: ApiDeps): CallControlApi {
  const { board, directory, clientId, engine, planner } = deps;

  const describe = (dn: string) => ({
    dn,
    type: dn === clientId ? 'Wroutepoint' : 'Wextension',
    devices: directory.extensions.get(dn)?.devices ?? [],
    participants: board.on(dn),
  });

  const read: CallControlApi['read'] = ([dn, list, id, ...rest]) => {
    if (dn === undefined) return ok([...directory.dns, clientId].map(describe));
    if (rest.length > 0 || (dn !== clientId && !directory.extensions.has(dn))) return NOT_FOUND;
    if (list === undefined) return ok(describe(dn));
    if (list === 'participants') return found(id === undefined ? board.on(dn) : board.find(dn, Number(id)));
    if (list === 'devices') {
      const { devices } = describe(dn);
      return found(id === undefined ? devices : devices.find(device => device.device_id === id));
    }
    return NOT_FOUND;
  };

  const makeCall = (dn: string, deviceId: string | null, body: Readonly<Record<string, unknown>>): Answer => {
    const extension = directory.extensions.get(dn);
    if (!extension) return NOT_FOUND;
    if (deviceId !== null && !extension.devices.some(device => device.device_id === deviceId)) return NOT_FOUND;
    const number = textOf(body.destination);
    if (number === '' || number === dn) return refused('the destination is missing or is the caller');
    const scenario = directory.extensions.has(number) ? 'internal' : 'outbound';
    return done(engine.start(planner.complete({ scenario, dn, number })).call.legs[0]);
  };

  const actOnLeg = (leg: Participant, action: string, body: Readonly<Record<string, unknown>>): Answer => {
    if (action === 'drop') {
      engine.signal(leg.callid, { kind: 'hangup', participantId: leg.id });
      return done(leg);
    }
    if (action === 'answer') {
      if (leg.status !== 'Ringing') return refused('only a ringing participant can answer');
      engine.signal(leg.callid, { kind: 'answer', participantId: leg.id });
      return done(leg);
    }
    if (action === 'divert' || action === 'routeto' || action === 'transferto') {
      const destination = textOf(body.destination);
      if (destination === '' || destination === leg.dn) return refused('the destination is missing or is the same DN');
      const expected = action === 'divert' ? 'Ringing' : action === 'transferto' ? 'Connected' : leg.status;
      if (leg.status !== expected) return refused(`${action} needs a participant that is ${expected}`);
      engine.signal(leg.callid, { kind: 'redirect', participantId: leg.id, destination });
      return done(leg);
    }
    return NOT_FOUND;
  };

  return {
    read,
    act([dn = '', second, id, action], body) {
      if (second === 'makecall' && id === undefined) return makeCall(dn, null, body);
      if (second === 'devices' && id !== undefined && action === 'makecall') return makeCall(dn, id, body);
      const leg = second === 'participants' ? board.find(dn, Number(id)) : undefined;
      return leg && action !== undefined ? actOnLeg(leg, action, body) : NOT_FOUND;
    },
  };
}

/**
 * Null for a path that is not below /callcontrol. Device ids arrive percent-encoded (`sip%3A101%40…`, 3cx.md §1.4); a
 * segment that does not decode stays as it is and so names nothing.
 */
export function callControlSegments(path: string): string[] | null {
  if (path !== '/callcontrol' && !path.startsWith('/callcontrol/')) return null;
  return path.split('/').slice(2).filter(Boolean).map(decodedOrRaw);
}

function decodedOrRaw(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function found(body: unknown): Answer {
  return body === undefined ? NOT_FOUND : ok(body);
}

/** `finalstatus` strings as seen in clients; the official enumeration is numeric, readers accept both (3cx.md §1.4). */
function done(result: Participant | undefined): Answer {
  return ok({ finalstatus: 'Success', reason: '', reasontext: '', result: result ?? null });
}

function refused(reasontext: string): Answer {
  return { status: 422, body: { finalstatus: 'Failure', reason: 'Rejected', reasontext, result: null } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
