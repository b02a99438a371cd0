import type { AdminProblem } from '../api/admin-problem.ts';
import { sentence } from '../format/words.ts';

/** Of a list the relay names the value that is wrong, too: `dn.0`. */
export function fieldOf(problem: AdminProblem | null): string | null {
  return problem?.field?.split('.')[0] ?? null;
}

/** What is wrong with a field, or null. The relay begins such a sentence with the field's name, which its label says. */
export function fieldError(problem: AdminProblem | null, field: string): string | null {
  if (problem === null || fieldOf(problem) !== field) return null;
  return sentence(problem.message.replace(`${problem.field}: `, ''));
}
