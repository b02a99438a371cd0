import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { writeRefusalOf } from '@3cx-relay/shared/runtime/write-refusal.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import Router from '@koa/router';
import Koa from 'koa';
import helmet from 'koa-helmet';
import type pg from 'pg';
import type { Admin } from '../admin/open-admin.ts';
import type { DocumentSource } from '../documents/document-source.ts';
import type { HealthReport } from '../health.ts';
import type { Access } from '../keys/access.ts';
import type { Admit } from '../keys/admission.ts';
import type { LiveKeys } from '../keys/live-keys.ts';
import type { Arrivals } from '../live/arrivals.ts';
import type { BlocksDeps } from '../replay/blocks-up.ts';
import type { RequestLog } from '../request-log.ts';
import type { ChannelSourceDeps } from '../streams/channel-source.ts';
import type { ReadStream } from '../streams/read-stream.ts';
import type { ActiveCallsOfPbx } from './active-calls-of-pbx.ts';
import type { CommandDesk } from './commands/command-desk.ts';
import { allowOrigins } from './cors.ts';
import type { HistoryOptions } from './history/answer-history.ts';
import type { HistorySources } from './history/history-sources.ts';
import { ProblemError } from './problem-error.ts';
import { NOTHING_ALLOWED } from './protective-headers.ts';
import { recordRequests } from './record-requests.ts';
import type { RecordQueue } from './records/record-kinds.ts';
import type { RelayState } from './require-permission.ts';
import { retryAfter } from './retry-after.ts';
import { addActiveCalls } from './routes/active-calls.ts';
import { addCallTimeline } from './routes/call-timeline.ts';
import { addCalls } from './routes/calls.ts';
import { addDocuments } from './routes/documents.ts';
import { addEventStream, type EventStreamDeps } from './routes/event-stream.ts';
import { addEvents } from './routes/events.ts';
import { addHealth } from './routes/health.ts';
import { addHistory } from './routes/history.ts';
import { addHistoryStatistics } from './routes/history-statistics.ts';
import { addRecords, type RecordsOptions } from './routes/records.ts';
import { addStreams } from './routes/streams.ts';
import { addTickets } from './routes/tickets.ts';

/** For an answer that did not say itself when to come back. */
const RETRY_AFTER_MS = 1_000;

export interface AppDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly arrivals: Arrivals;
  readonly blocks: BlocksDeps;
  readonly streams: EventStreamDeps;
  readonly readStream: ReadStream;
  readonly onGone: ChannelSourceDeps['onGone'];
  readonly maxConnections: number;
  readonly access: Access;
  readonly admit: Admit;
  readonly liveKeys: LiveKeys;
  readonly requests: RequestLog;
  readonly report: () => Promise<HealthReport>;
  readonly desk: CommandDesk;
  readonly audit: AuditLog;
  readonly documents: DocumentSource;
  readonly callsOfPbx: ActiveCallsOfPbx;
  readonly queue: RecordQueue;
  readonly records: RecordsOptions;
  readonly pool: pg.Pool;
  readonly history: HistorySources;
  readonly exports: HistoryOptions;
  readonly maxTimelineEntries: number;
  /** What answers under `/admin/`; null when this instance has no panel. */
  readonly admin: Admin | null;
  readonly errors: ErrorSink;
  readonly logger: Logger;
}

/** The HTTP side of the public API. Every answer that is not a success is a problem document. */
export function createApp(deps: AppDeps): Koa<RelayState> {
  const app = new Koa<RelayState>();
  const router = new Router<RelayState>();
  addHealth(router, deps.report);
  addActiveCalls(router, deps);
  addEvents(router, deps);
  addEventStream(router, deps.streams, { maxConnections: deps.maxConnections });
  addStreams(router, deps);
  addCalls(router, deps);
  addTickets(router, deps.access.tickets);
  addDocuments(router, deps.documents);
  addCallTimeline(router, deps, { maxEntries: deps.maxTimelineEntries });
  addRecords(router, deps, deps.records);
  addHistory(router, deps, deps.exports);
  addHistoryStatistics(router, deps);

  app.use(recordRequests(deps.requests));
  app.use(helmet({ contentSecurityPolicy: NOTHING_ALLOWED }));
  app.use(allowOrigins(deps.access.origins));
  app.use(async (context, next) => {
    context.state.authenticate = deps.access.authenticate;
    context.state.admit = deps.admit;
    try {
      await next();
      if (context.body === undefined) {
        if (context.status === 404)
          throw new ProblemError('not_found', `there is nothing at ${context.method} ${context.path}`);
        if (context.status === 405 || context.status === 501) {
          throw new ProblemError('method_not_allowed', `${context.method} is not for ${context.path}: see Allow`);
        }
      }
    } catch (error) {
      const answer = toProblem(error, { method: context.method, path: context.path }, deps);
      context.status = answer.status;
      context.body = JSON.stringify(answer);
      context.type = 'application/problem+json';
      if (answer.status === 401) context.set('www-authenticate', 'Bearer');
      if (answer.retryAfterMs !== undefined) context.set('retry-after', retryAfter(answer.retryAfterMs));
    }
    const isForLater = context.status === 429 || context.status === 503;
    if (isForLater && !context.res.hasHeader('retry-after')) context.set('retry-after', retryAfter(RETRY_AFTER_MS));
  });
  if (deps.admin) app.use(deps.admin.readAsSession);
  app.use(router.routes());
  app.use(router.allowedMethods());
  if (deps.admin) app.use(deps.admin.app);
  // Koa reports what breaks after the headers were sent, most often a client that left.
  app.on('error', err => deps.logger.debug({ err }, 'a response was cut off'));
  return app;
}

function toProblem(error: unknown, request: object, to: Pick<AppDeps, 'logger' | 'errors'>): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (isStoreAway(error)) {
    to.logger.warn({ err: error }, 'a request could not be answered');
    return problem('unavailable', 'a store behind the relay does not answer right now: try again');
  }
  const message = 'a request failed because of a mistake in the relay: report it with these details';
  announce(to, { component: 'relay', severity: 'error', message, details: { ...request, error } });
  return problem('internal', 'the relay failed to answer; its log says why');
}

/** Errors by which Redis and the key store say that they are away or take nothing, as opposed to mistakes of ours. */
function isStoreAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    error.name === 'MaxRetriesPerRequestError' ||
    isPostgresAway(error) ||
    writeRefusalOf(error) !== null ||
    ['KEY_STORE_AWAY', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE'].includes(code) ||
    /Connection is closed|Socket timeout|Stream isn't writeable/.test(error.message)
  );
}
