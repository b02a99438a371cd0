import type { AdminProblem } from '../api/admin-problem.ts';
import { formatSpan } from './time.ts';
import { sentence } from './words.ts';

/** What went wrong with a form, as it stands at the field it is about: the relay puts that field's name first. */
export function problemWords({ code, message, status, retryAfterMs }: AdminProblem): string {
  if (status === 429 && retryAfterMs !== null) {
    return `Too many attempts have failed. Try again in ${formatSpan(retryAfterMs)}.`;
  }
  if (code === 'wrong_password') return 'This is not your password.';
  if (code === 'wrong_second_factor') return 'This code is not valid, or was used before.';
  return sentence(message.replace(/^\w+: /, ''));
}
