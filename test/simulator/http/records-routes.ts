import { Router } from '@koa/router';
import { z } from 'zod';
import type { Records } from '../database/records.ts';
import type { XapiSettings } from '../xapi/entities.ts';
import { parseInput, readJson } from './request-body.ts';
import { pageSchema } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

const lateMs = z
  .number({ error: 'must be a time in milliseconds' })
  .int('must be a whole number')
  .min(0, 'must be 0 or more')
  .max(86_400_000, 'must be at most a day');

const latenessSchema = z
  .strictObject({
    minMs: lateMs.optional(),
    maxMs: lateMs.optional(),
    updatedShare: z
      .number({ error: 'must be a number' })
      .min(0, 'must be 0 to 1: the share of rows that are updated later')
      .max(1, 'must be 0 to 1: the share of rows that are updated later')
      .optional(),
  })
  .refine(({ minMs = 0, maxMs = minMs }) => minMs <= maxMs, { path: ['minMs'], error: 'must not be more than maxMs' });

const CALL_HISTORY_MODES = ['stale', 'live', 'broken'] as const;
const xapiSchema = z.strictObject({
  callHistory: z.enum(CALL_HISTORY_MODES, { error: `must be one of ${CALL_HISTORY_MODES.join(', ')}` }).optional(),
});

type RecordsRoutesDeps = { records: Records; xapi: XapiSettings };

/** What was recorded about calls, when its readers see it, and how to read the database. */
export function createRecordsRoutes({ records, xapi }: RecordsRoutesDeps): Router {
  const router = new Router({ prefix: '/sim' });

  router.get('/cdr', ctx => {
    const { after, limit } = parseInput(pageSchema, ctx.query);
    ctx.body = records.segments.page(after, limit);
  });
  router.post('/cdr', async ctx => {
    const change = withoutUndefined(parseInput(latenessSchema, await readJson(ctx.req)));
    const { lateness } = records.segments;
    const merged = { ...lateness, ...change };
    // Raising the lower limit alone means: at least so late, and not that the upper one forbids it.
    records.segments.lateness = { ...merged, maxMs: Math.max(merged.minMs, merged.maxMs) };
    ctx.body = records.segments.lateness;
  });

  router.get('/database', ctx => {
    ctx.body = records.database?.describe() ?? { state: 'none' };
  });

  router.get('/xapi', ctx => {
    ctx.body = xapi;
  });
  router.post('/xapi', async ctx => {
    ctx.body = Object.assign(xapi, withoutUndefined(parseInput(xapiSchema, await readJson(ctx.req))));
  });

  return router;
}
