import type { Middleware } from 'koa';
import { ProblemError } from '../public/problem-error.ts';
import type { AdminState } from './admin-state.ts';

/** A form of another site can send anything but JSON without asking; what has no body is not meant. */
export const requireJson: Middleware<AdminState> = (context, next) => {
  const isEmpty = context.request.length === 0;
  // Null: there is no body; false: something else is in it.
  if (!isEmpty && context.request.is('application/json') === false) {
    const detail = 'the body must be JSON, with the header "content-type: application/json"';
    throw new ProblemError('unsupported_media_type', detail, 'content-type');
  }
  return next();
};
