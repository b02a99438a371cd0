import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { selectUsage, type Usage } from '@3cx-relay/shared/store/usage.ts';
import type { ApiKeyUsageAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import { z } from 'zod';
import { parseQuery, type RawQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { time } from '../../public/records/records-query.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_DAYS = 7;
/** So that an answer has some 1,500 periods at most. */
const MAX_DAYS = { hour: 62, day: 1_100 } as const;
/** Endpoints are routes and not paths: a key has some twenty. */
const MAX_ENDPOINTS = 100;
const FIRST_ERROR_STATUS = 400;

const usageQuery = z.strictObject({
  from: time.optional(),
  to: time.optional(),
  by: z.enum(['hour', 'day'], 'must be hour or day').default('hour'),
});

export interface UsageSpan {
  readonly from: Date;
  readonly to: Date;
  readonly by: 'hour' | 'day';
}

/** Default: the last seven days. @throws ProblemError naming the parameter */
export function parseUsageQuery(raw: RawQuery, now: number): UsageSpan {
  const { by, ...asked } = parseQuery(raw, usageQuery);
  const to = asked.to ?? now;
  const from = asked.from ?? to - DEFAULT_DAYS * DAY_MS;
  if (from >= to) throw new ProblemError('invalid_request', 'from: must be before "to"', 'from');
  if (to - from > MAX_DAYS[by] * DAY_MS) {
    const rule = `must be at most ${MAX_DAYS[by]} days after "from" when counted by the ${by}`;
    throw new ProblemError('invalid_request', `to: ${rule}`, 'to');
  }
  // Usage is kept by the hour: that in which the span begins is of it.
  return { from: new Date(Math.floor(from / HOUR_MS) * HOUR_MS), to: new Date(to), by };
}

/** How much a key was used in all, by period, by status and by endpoint. */
export async function readKeyUsage(
  pool: PostgresPool['pool'],
  keyId: number,
  span: UsageSpan,
): Promise<ApiKeyUsageAnswer> {
  const [statuses, endpoints] = await Promise.all([
    selectUsage(pool, { ...span, keyId, groupBy: 'status' }),
    // Of the whole span, so that its days, which are few, are added up here.
    selectUsage(pool, { ...span, by: 'day', keyId, groupBy: 'endpoint' }),
  ]);
  const periods = Map.groupBy(statuses, ({ at }) => at.toISOString());
  const byStatus = Map.groupBy(statuses, ({ status }) => status ?? 0);
  const byEndpoint = Map.groupBy(endpoints, ({ endpoint }) => endpoint ?? '');
  return {
    from: span.from.toISOString(),
    to: span.to.toISOString(),
    by: span.by,
    total: sumOf(statuses),
    periods: [...periods].map(([at, rows]) => ({ at, ...sumOf(rows) })),
    byStatus: [...byStatus]
      .map(([status, rows]) => ({ status, requests: sumOf(rows).requests }))
      .sort((one, other) => one.status - other.status),
    byEndpoint: [...byEndpoint]
      .map(([endpoint, rows]) => ({ endpoint, requests: sumOf(rows).requests, meanMs: sumOf(rows).meanMs }))
      .sort((one, other) => other.requests - one.requests)
      .slice(0, MAX_ENDPOINTS),
  };
}

function sumOf(rows: readonly Usage[]): ApiKeyUsageAnswer['total'] {
  const sum = { requests: 0, errors: 0, durationMs: 0, maxMs: 0, bytes: 0 };
  for (const row of rows) {
    sum.requests += row.requests;
    if ((row.status ?? 0) >= FIRST_ERROR_STATUS) sum.errors += row.requests;
    sum.durationMs += row.durationMs;
    sum.maxMs = Math.max(sum.maxMs, row.maxDurationMs);
    sum.bytes += row.bytes;
  }
  const { durationMs, ...figures } = sum;
  return { ...figures, meanMs: sum.requests === 0 ? null : durationMs / sum.requests };
}
