import { problemOfPassword } from '../../passwords/password-rules.ts';
import { ProblemError } from '../../public/problem-error.ts';

/** @throws ProblemError that names the field and what would be right */
export function requireGoodPassword(password: string, of: { username: string; field: string }): void {
  const wrong = problemOfPassword(password, of);
  if (wrong) throw new ProblemError('invalid_request', `${of.field}: ${wrong}`, of.field);
}
