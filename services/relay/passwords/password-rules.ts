import { passwordRules } from '@3cx-relay/shared/wire/admin/password-rules.ts';
import { isCommonPassword } from './common-passwords.ts';
import { isLeakedPassword } from './leaked-passwords.ts';

const BETTER = 'take four words that have nothing to do with each other';

/**
 * What is wrong with a password that somebody chose, as the end of a sentence that begins with its name; undefined:
 * nothing.
 */
export function problemOfPassword(password: string, of: { username: string }): string | undefined {
  const broken = passwordRules(password, of).find(({ isMet }) => !isMet);
  if (broken) return broken.problem;
  if (isCommonPassword(password)) {
    return `must not be made of passwords that everybody tries: ${BETTER}`;
  }
  if (isLeakedPassword(password)) return `must not be one that leaked somewhere and that everybody tries: ${BETTER}`;
  return undefined;
}
