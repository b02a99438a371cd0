import { type Call, decodeCall, field, number, text, time } from './messages.ts';

/** The relay answered, and the answer is no. */
export class Refusal extends Error {
  readonly status: number;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | null;

  constructor(status: number, detail: string, retryAfterMs: number | null) {
    super(detail);
    this.name = 'Refusal';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** The key is wrong, ended or too weak: asking again with the same key gets the same answer. */
  get isFinal(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export type EventsQuery = { after?: string; order?: 'asc' | 'desc'; limit: number; waitSeconds?: number };
export type EventsAnswer = { events: unknown[]; next: string | null; head: string | null; more: boolean };
export type ActiveCalls = { position: string | null; asOf: number | null; calls: Call[] };

export type RelayApi = {
  activeCalls(signal: AbortSignal): Promise<ActiveCalls>;
  events(query: EventsQuery, signal: AbortSignal): Promise<EventsAnswer>;
  /** Without a key the relay tells the state of each component and no more. */
  health(signal: AbortSignal): Promise<unknown>;
};

/** A long poll may take its whole wait; beyond it and this the connection is taken for dead. */
const ANSWER_MS = 10_000;
/** The relay gives its own checks 1.5 s. */
const HEALTH_MS = 4_000;

/** `relayUrl` ends with a slash. The key travels in a header only, never in a URL. */
export function createRelayApi(relayUrl: string, apiKey: string | null): RelayApi {
  async function get(path: string, signal: AbortSignal, deadlineMs = ANSWER_MS): Promise<Response> {
    return fetch(new URL(path, relayUrl), {
      headers: apiKey === null ? {} : { 'x-api-key': apiKey },
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      cache: 'no-store',
      credentials: 'same-origin',
    });
  }

  return {
    async activeCalls(signal) {
      const body: unknown = await bodyOf(await get('active-calls', signal));
      return {
        position: text(field(body, 'position')),
        asOf: time(field(body, 'asOf')),
        calls: listOf(field(body, 'calls')).flatMap(raw => decodeCall(raw) ?? []),
      };
    },
    async events({ after, order, limit, waitSeconds = 0 }, signal) {
      const query = new URLSearchParams({ limit: String(limit) });
      if (after !== undefined) query.set('after', after);
      if (order !== undefined) query.set('order', order);
      if (waitSeconds > 0) query.set('wait', String(waitSeconds));
      const body: unknown = await bodyOf(await get(`events?${query}`, signal, ANSWER_MS + waitSeconds * 1000));
      return {
        events: listOf(field(body, 'events')),
        next: text(field(body, 'next')),
        head: text(field(body, 'head')),
        more: field(body, 'more') === true,
      };
    },
    async health(signal) {
      const response = await get('health', signal, HEALTH_MS);
      // A relay that is down says so with 503 and the same document.
      return response.status === 503 ? response.json() : bodyOf(response);
    },
  };
}

/** @throws Refusal with the sentence the relay gave, or one of ours when something else answered in its place */
async function bodyOf(response: Response): Promise<unknown> {
  if (response.ok) return response.json();
  const problem: unknown = await response.json().catch(() => null);
  const retryAfter = number(Number(response.headers.get('retry-after') ?? Number.NaN));
  throw new Refusal(
    response.status,
    text(field(problem, 'detail')) ?? `the relay answered with status ${response.status}`,
    retryAfter === null ? null : retryAfter * 1000,
  );
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
