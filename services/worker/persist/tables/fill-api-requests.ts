import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { PANEL_CLIENT, type RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import { toSafeText } from '@3cx-relay/shared/runtime/details.ts';
import {
  type ApiRequest,
  addUsage,
  insertApiRequests,
  PANEL_KEY,
  type UsageSum,
} from '@3cx-relay/shared/store/usage.ts';
import { z } from 'zod';
import { storeInHalves } from '../in-halves.ts';
import type { Filling } from './filling.ts';

/**
 * api_requests has one row for each request that was answered, with its use by hour beside it. The end of a WebSocket is
 * no request: its upgrade was one.
 */
const COUNTED: ReadonlySet<string | null> = new Set<RequestRecord['event']>(['http.request', 'ws.upgrade', 'sse.end']);

/** The widths of the columns. */
const MAX_ENDPOINT = 255;
const MAX_METHOD = 10;
const MAX_INTEGER = 2_147_483_647;
const HOUR_MS = 3_600_000;
const LATEST_MS = Date.UTC(9999, 0);

const count = z
  .number()
  .transform(value => Math.min(MAX_INTEGER, Math.max(0, Math.round(value))))
  .catch(0);

const body = z.looseObject({
  data: z.looseObject({
    endpoint: z.string(),
    method: z.string(),
    status: count,
    durationMs: count,
    // Of a key that is no number of api_keys nobody knows whose it is.
    keyId: z.int().min(1).max(MAX_INTEGER).nullable().catch(null),
    client: z.string().nullish().catch(null),
    bytes: z.number().nonnegative().transform(Math.round).optional().catch(undefined),
    suppressed: count.optional(),
  }),
});

interface Request extends ApiRequest {
  /** By somebody who is signed in to the panel. */
  readonly isOfPanel: boolean;
  readonly bytes: number;
  readonly entry: LogEntry;
}

export async function fillApiRequests({ client, onUnstorable }: Filling, entries: readonly LogEntry[]): Promise<void> {
  const requests = entries.flatMap(entry => decodeRequest(entry) ?? []);
  if (requests.length === 0) return;
  // Both at once: a request that the one table refuses is not counted in the other, so that a retry counts it once.
  const store = async (some: readonly Request[]) => {
    await insertApiRequests(
      client,
      some.map(({ entry: _entry, bytes: _bytes, isOfPanel: _isOfPanel, ...request }) => request),
    );
    await addUsage(client, sumByHour(some));
  };
  const onRefused = ({ entry, ...row }: Request, error: unknown) => onUnstorable(row, error, entry);
  await storeInHalves({ client, store, onRefused }, requests);
}

function sumByHour(requests: readonly Request[]): UsageSum[] {
  const sums = new Map<string, UsageSum>();
  for (const { at, isOfPanel, endpoint, status, durationMs, bytes, suppressed, ...request } of requests) {
    const keyId = isOfPanel ? PANEL_KEY : (request.keyId ?? 0);
    const hour = new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
    const key = JSON.stringify([hour, keyId, endpoint, status]);
    const sum = sums.get(key) ?? {
      hour,
      keyId,
      endpoint,
      status,
      ...{ requests: 0, durationMs: 0, maxDurationMs: 0, bytes: 0 },
    };
    sums.set(key, {
      ...sum,
      requests: sum.requests + 1 + suppressed,
      durationMs: sum.durationMs + durationMs,
      maxDurationMs: Math.max(sum.maxDurationMs, durationMs),
      bytes: sum.bytes + bytes,
    });
  }
  return [...sums.values()];
}

/** Null for what is no request; every version of the relay may have written it. */
function decodeRequest(entry: LogEntry): Request | null {
  if (entry.type !== 'request' || !COUNTED.has(entry.event)) return null;
  let json: unknown;
  try {
    json = JSON.parse(entry.body);
  } catch {
    return null;
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) return null;
  const { endpoint, method, status, durationMs, keyId, client, bytes = 0, suppressed = 0 } = parsed.data.data;
  return {
    keyId,
    isOfPanel: keyId === null && (client?.startsWith(PANEL_CLIENT) ?? false),
    endpoint: toSafeText(endpoint, MAX_ENDPOINT),
    method: toSafeText(method, MAX_METHOD),
    status,
    durationMs,
    at: new Date(entry.at >= 0 && entry.at < LATEST_MS ? Math.trunc(entry.at) : Date.now()),
    suppressed,
    bytes: Math.min(Number.MAX_SAFE_INTEGER, bytes),
    entry,
  };
}
