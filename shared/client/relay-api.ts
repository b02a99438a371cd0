import type { Call } from '../wire/call.ts';
import type { Channel } from '../wire/channels.ts';
import type { LogMessage } from '../wire/messages.ts';
import { RelayError } from './relay-error.ts';

/** Parameters of `GET /relay/events`; PROTOCOL.md §8 says what they mean. */
export interface PageQuery {
  readonly channel?: Channel;
  readonly after?: string;
  readonly before?: string;
  /** 1 to 1000, default 100. */
  readonly limit?: number;
  readonly order?: 'asc' | 'desc';
  readonly dn?: readonly string[];
  readonly event?: readonly string[];
  readonly call?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
  /** At most 60: how long to wait when there is nothing yet. */
  readonly waitSeconds?: number;
}

export interface EventsPage {
  readonly events: LogMessage[];
  /** The `after` of the following page, or its `before` when reading down. */
  readonly next: string | null;
  readonly head: string | null;
  readonly more: boolean;
}

export interface ActiveCalls {
  /** Continue with `after` set to it, and nothing is missed or doubled. */
  readonly position: string | null;
  readonly asOf: string;
  readonly source: string;
  readonly calls: Call[];
}

export type CommandAction =
  | 'drop'
  | 'answer'
  | 'divert'
  | 'routeto'
  | 'transferto'
  | 'attach_participant_data'
  | 'attach_party_data';

export interface CommandBody {
  readonly destination?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly reason?: string;
  readonly attachedData?: Readonly<Record<string, string>>;
}

export interface NewCall extends CommandBody {
  readonly dn: string;
  readonly destination: string;
  readonly deviceId?: string;
}

/** What the relay answers to a command that was executed. */
export interface CommandDone {
  readonly commandId: string;
  readonly outcome: 'done';
  readonly participant: Record<string, unknown> | null;
  /** What to look for behind `position`. */
  readonly expect: { readonly channel: Channel; readonly event: string; readonly dn: string; readonly call?: string };
  readonly position: string | null;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface CommandOptions extends RequestOptions {
  /** The same key with the same command executes it once and gets the same answer, for 24 hours. */
  readonly idempotencyKey?: string;
}

/** The HTTP side. Everything that is not a success is thrown as a `RelayError`. */
export interface RelayApi {
  page(query?: PageQuery, options?: RequestOptions): Promise<EventsPage>;
  activeCalls(options?: RequestOptions): Promise<ActiveCalls>;
  makeCall(call: NewCall, options?: CommandOptions): Promise<CommandDone>;
  /** `participant`: its id, or `<dn>:<id>`. */
  command(
    command: CommandBody & { readonly participant: string | number; readonly action: CommandAction },
    options?: CommandOptions,
  ): Promise<CommandDone>;
}

const TIMEOUT_MS = 30_000;

/** `url` ends with a slash. */
export function createRelayApi(url: URL, apiKey: string | undefined): RelayApi {
  async function ask<Answer>(
    path: string,
    { body, idempotencyKey, signal, waitMs = 0 }: CommandOptions & { body?: object; waitMs?: number } = {},
  ): Promise<Answer> {
    if (apiKey === undefined) {
      throw new RelayError('invalid_options', 'a ticket is for one WebSocket: requests over HTTP need an apiKey');
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS + waitMs);
    try {
      const response = await fetch(new URL(path, url), {
        method: body ? 'POST' : 'GET',
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      if (!response.ok) throw await toRelayError(response);
      return (await response.json()) as Answer;
    } catch (cause) {
      if (cause instanceof RelayError || signal?.aborted) throw cause;
      throw new RelayError('unreachable', `the relay at ${url.origin} does not answer`, { reconnect: true, cause });
    }
  }

  return {
    page: (query = {}, options = {}) =>
      ask(`relay/events${toSearch(query)}`, { ...options, waitMs: (query.waitSeconds ?? 0) * 1000 }),
    activeCalls: (options = {}) => ask('relay/active-calls', options),
    makeCall: (body, options = {}) => ask('relay/calls', { ...options, body }),
    command: ({ participant, action, ...body }, options = {}) =>
      ask(`relay/calls/${encodeURIComponent(participant)}/${action}`, { ...options, body }),
  };
}

function toSearch({ waitSeconds, ...query }: PageQuery): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, wait: waitSeconds })) {
    if (value instanceof Date) search.set(name, value.toISOString());
    else if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? '' : `?${search}`;
}

async function toRelayError(response: Response): Promise<RelayError> {
  const { status } = response;
  const problem = (await response.json().catch(() => null)) as {
    code?: unknown;
    detail?: unknown;
    field?: unknown;
  } | null;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new RelayError(
    typeof problem?.code === 'string' ? problem.code : `http_${status}`,
    typeof problem?.detail === 'string' ? problem.detail : `the relay answered with ${status}`,
    {
      status,
      reconnect: status >= 500 || status === 429 || status === 408,
      field: typeof problem?.field === 'string' ? problem.field : undefined,
      retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
    },
  );
}
