import type { AdminProblem } from '../api/admin-problem.ts';
import { sentence } from '../format/words.ts';

/** What is wrong with a field, or null. The relay begins such a sentence with the field's name, which its label says. */
export function fieldError(problem: AdminProblem | null, field: string): string | null {
  if (problem?.field !== field) return null;
  return sentence(problem.message.replace(`${field}: `, ''));
}
