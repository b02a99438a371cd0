import type { ApiClient } from './api-client.ts';
import type { CallEngine } from './call-engine.ts';
import type { CallPlanner } from './call-plans.ts';
import { type ClientRegister, monitors } from './client-register.ts';
import type { Directory } from './directory.ts';
import type { Participant } from './participant.ts';
import type { Switchboard } from './switchboard.ts';

/** An HTTP status and a JSON value: the same answer goes out by REST and inside a socket response frame. */
export type Answer = { status: number; body: unknown };

/** What sources report differently (3cx.md §1.4). */
export type CallControlSettings = {
  /** Strings are seen in clients, numbers stand in the official types: Success 1, Rejected 0, Failed -1. */
  finalStatus: 'text' | 'number';
  okStatus: 200 | 202;
  /** For a stream whose media does not exist yet. */
  streamNotReady: 404 | 424;
};

type Fields = Readonly<Record<string, unknown>>;

type ApiDeps = {
  board: Switchboard;
  engine: CallEngine;
  planner: CallPlanner;
  directory: Directory;
  register: ClientRegister;
};

const NOT_FOUND: Answer = { status: 404, body: { error: 'not_found' } };
const FORBIDDEN: Answer = { status: 403, body: { error: 'forbidden' } };

const ACTIONS = new Set([
  'drop',
  'answer',
  'divert',
  'routeto',
  'transferto',
  'attach_participant_data',
  'attach_party_data',
]);

/** Call control as a real V20 exposes it (3cx.md §1.4): the DNs of the API client, and the client's own route point. */
export class CallControlApi {
  readonly #deps: ApiDeps;
  settings: CallControlSettings = { finalStatus: 'text', okStatus: 200, streamNotReady: 424 };

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  /** GET below `/callcontrol`; the segments after it, decoded. */
  read(client: ApiClient, segments: readonly string[]): Answer {
    const { board, directory } = this.#deps;
    const [dn, list, id, ...rest] = segments;
    if (dn === undefined) return ok(this.#dnsOf(client).map(each => this.#describe(each)));
    if (rest.length > 0) return NOT_FOUND;
    const refusal = this.#refusal(client, dn);
    // The list of a far leg's DN can be read although nothing else of it can (pocket-dial #40).
    if (refusal && !(refusal === FORBIDDEN && list === 'participants' && id === undefined)) return refusal;
    if (list === undefined) return ok(this.#describe(dn));
    if (list === 'participants') return found(id === undefined ? board.on(dn) : board.find(dn, Number(id)));
    if (list !== 'devices') return NOT_FOUND;
    const devices = directory.devicesOf(dn);
    return found(id === undefined ? devices : devices.find(device => device.device_id === id));
  }

  /** POST of an action with its parsed body. */
  act(client: ApiClient, segments: readonly string[], body: Fields): Answer {
    const [dn = '', second, id, action] = segments;
    const refusal = this.#refusal(client, dn);
    if (refusal) return refusal;
    if (second === 'makecall' && id === undefined) return this.#makeCall(dn, null, body);
    if (second === 'devices' && id !== undefined && action === 'makecall') return this.#makeCall(dn, id, body);
    const leg = second === 'participants' ? this.#deps.board.find(dn, Number(id)) : undefined;
    return leg && action !== undefined ? this.#actOnLeg(leg, action, body) : NOT_FOUND;
  }

  /** The participant a stream belongs to, or why there is none. */
  streamOf(client: ApiClient, dn: string, id: string): Participant | Answer {
    const refusal = this.#refusal(client, dn);
    if (refusal) return refusal;
    const leg = this.#deps.board.find(dn, Number(id));
    if (!leg) return NOT_FOUND;
    if (leg.direct_control && leg.status === 'Connected') return leg;
    // A leg that is on somebody's phone never gets a stream; one of ours only once it is connected.
    return { status: this.settings.streamNotReady, body: { error: 'no_media' } };
  }

  /** 404 for a DN that is not there, 403 for one that the client has not listed; queues and groups cannot be listed. */
  #refusal(client: ApiClient, dn: string): Answer | null {
    const { directory, register } = this.#deps;
    if (directory.extensions.has(dn)) return monitors(client, dn) ? null : FORBIDDEN;
    if (dn === client.id) return null;
    const exists = directory.queues.has(dn) || directory.ringGroups.has(dn) || register.get(dn) !== undefined;
    return exists ? FORBIDDEN : NOT_FOUND;
  }

  #dnsOf(client: ApiClient): string[] {
    const { dns } = this.#deps.directory;
    return [...(client.dns ? dns.filter(dn => monitors(client, dn)) : dns), client.id];
  }

  #describe(dn: string) {
    const { board, directory } = this.#deps;
    const type = directory.extensions.has(dn) ? 'Wextension' : 'Wroutepoint';
    return { dn, type, devices: directory.devicesOf(dn), participants: board.on(dn) };
  }

  #makeCall(dn: string, deviceId: string | null, body: Fields): Answer {
    const { directory, engine, planner } = this.#deps;
    if (deviceId !== null && !directory.devicesOf(dn).some(device => device.device_id === deviceId)) return NOT_FOUND;
    const number = textOf(body.destination);
    if (number === '' || number === dn) return this.#refused('the destination is missing or is the caller');
    if (directory.queues.has(number) || directory.ringGroups.has(number)) {
      return this.#refused('the simulator does not play calls of our own into a queue or group');
    }
    const scenario = directory.extensions.has(number) ? 'internal' : 'outbound';
    return this.#done(engine.start(planner.complete({ scenario, dn, number })).call.legs[0]);
  }

  #actOnLeg(leg: Participant, action: string, body: Fields): Answer {
    const { engine } = this.#deps;
    if (!ACTIONS.has(action)) return NOT_FOUND;
    if (action === 'drop') {
      engine.signal(leg.callid, { kind: 'hangup', participantId: leg.id });
      return this.#done(leg);
    }
    if (action === 'answer') {
      if (leg.status !== 'Ringing') return this.#refused('only a ringing participant can answer');
      engine.signal(leg.callid, { kind: 'answer', participantId: leg.id });
      return this.#done(leg);
    }
    if (action === 'attach_participant_data' || action === 'attach_party_data') {
      const isObject = typeof body.attacheddata === 'object' && body.attacheddata !== null;
      return isObject ? this.#done(leg) : this.#refused('attacheddata is missing');
    }
    const destination = textOf(body.destination);
    if (destination === '' || destination === leg.dn) {
      return this.#refused('the destination is missing or is the same DN');
    }
    const expected = action === 'divert' ? 'Ringing' : action === 'transferto' ? 'Connected' : leg.status;
    if (leg.status !== expected) return this.#refused(`${action} needs a participant that is ${expected}`);
    engine.signal(leg.callid, { kind: 'redirect', participantId: leg.id, destination });
    return this.#done(leg);
  }

  #done(result: Participant | undefined): Answer {
    const finalstatus = this.settings.finalStatus === 'text' ? 'Success' : 1;
    return {
      status: this.settings.okStatus,
      body: { finalstatus, reason: '', reasontext: '', result: result ?? null },
    };
  }

  #refused(reasontext: string): Answer {
    const finalstatus = this.settings.finalStatus === 'text' ? 'Failure' : 0;
    return { status: 422, body: { finalstatus, reason: 'Rejected', reasontext, result: null } };
  }
}

/** Whether the last part of a path asks for something to be done: over the socket there is no method to tell. */
export function isAction(segments: readonly string[]): boolean {
  const last = segments.at(-1) ?? '';
  return segments.length > 1 && (last === 'makecall' || (segments.length === 4 && ACTIONS.has(last)));
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

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
