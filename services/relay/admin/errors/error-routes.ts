import type { Acknowledgeable, Acknowledged } from '@3cx-relay/shared/errors/error-tracker.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { acknowledgeRequest } from '@3cx-relay/shared/wire/admin/errors.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import { acceptedFormat } from '../../public/accepted-format.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { createPlaces } from '../../public/records/places.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { answerErrorExport, type ErrorExportDeps, type ErrorExportOptions } from './answer-export.ts';
import { ERROR_FORMATS, parseErrorsQuery, toFilters } from './errors-query.ts';
import { toErrorAnswer, toErrorSample } from './to-answer.ts';

export interface ErrorRoutesDeps extends Omit<ErrorExportDeps, 'places'> {
  readonly auth: AdminAuth;
}

/** Ids in an entry of the audit; how many there were stands beside them. */
const MAX_AUDITED_IDS = 50;

/** `/admin/errors`: the list of errors, one with what is known of it, and acknowledging them. */
export function addErrors(router: Router<AdminState>, deps: ErrorRoutesDeps, options: ErrorExportOptions): void {
  const { auth, tracker } = deps;
  const exporting = { deps: { ...deps, places: createPlaces(options.maxExports) }, options };

  router.get('/admin/errors', auth.requireAuth, async context => {
    const request = parseErrorsQuery(context.query, acceptedFormat(context, ERROR_FORMATS));
    const { filters, limit, cursor, format } = request;
    if (format !== 'json') return answerErrorExport(context, { ...request, format }, exporting);
    const page = await orProblem(tracker.getErrors({ ...filters, limit, cursor }));
    context.body = { ...page, errors: page.errors.map(toErrorAnswer) };
  });

  router.get('/admin/errors/:id', auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    const found = await orProblem(tracker.findError(idOf(context)));
    if (!found) throw unknownError();
    const { error, samples, incomplete } = found;
    context.body = { error: toErrorAnswer(error), samples: samples.map(toErrorSample), incomplete };
  });

  async function acknowledge(context: RouterContext<AdminState>, which: Acknowledgeable): Promise<Acknowledged> {
    const by = actorOf(context);
    const result = await orProblem(tracker.acknowledgeError(which, by.actor.name));
    const { changed } = result;
    // What was acknowledged before is no news for an auditor.
    if (changed.length > 0) {
      deps.audit.write({
        ...{ action: 'error.acknowledge', ...by, outcome: 'done' },
        target: typeof which === 'string' ? `error:${which}` : null,
        details: {
          errors: changed.length,
          ids: changed.slice(0, MAX_AUDITED_IDS),
          ...(typeof which === 'object' && 'matching' in which ? { matching: which.matching } : {}),
        },
      });
    }
    return result;
  }

  router.post('/admin/errors/acknowledge', auth.requireAdmin, async context => {
    const { ids, matching } = await readJsonBody(context.req, acknowledgeRequest);
    const { acknowledged, unknown, incomplete } = await acknowledge(
      context,
      ids ?? { matching: toFilters(matching ?? {}) },
    );
    context.body = { acknowledged, unknown, incomplete };
  });

  router.post('/admin/errors/:id/acknowledge', auth.requireAdmin, async context => {
    await readJsonBody(context.req, z.strictObject({}));
    const { acknowledged } = await acknowledge(context, idOf(context));
    if (acknowledged.length === 0) throw unknownError();
    context.body = { acknowledged };
  });
}

function idOf({ params }: RouterContext<AdminState>): string {
  const { id = '' } = params;
  if (!parsePosition(id)) throw unknownError();
  return id;
}

function unknownError(): ProblemError {
  return new ProblemError('not_found', 'there is no error with this id, or retention has taken it');
}

/** What the tracker refuses, as the answer that says so. */
async function orProblem<Answer>(work: Promise<Answer>): Promise<Answer> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (error.code === 'INVALID_CURSOR')
      throw new ProblemError('invalid_request', `cursor: ${error.message}`, 'cursor');
    if (error.code === 'LOG_AWAY' || error.code === 'STORE_AWAY') throw new ProblemError('unavailable', error.message);
    throw error;
  }
}
