import { type Problem, type ProblemCode, problem } from '@3cx-relay/shared/wire/problem.ts';

/** Thrown by a route to answer with a problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string, field?: string) {
    super(detail);
    this.name = 'ProblemError';
    this.problem = problem(code, detail, field);
  }

  /** For a problem that somebody else found. */
  static of(found: Problem): ProblemError {
    return Object.assign(new ProblemError(found.code, found.detail), { problem: found });
  }
}
