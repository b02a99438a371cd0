import { z } from 'zod';

const MIN_LENGTH = 32;
/** Random hexadecimal text of this length has 13 and more as good as always. */
const MIN_DISTINCT = 8;
/** What must be left when words and runs that a guesser knows are taken out. */
const MIN_UNKNOWN = 16;
/** As they stand in examples and tutorials; none of them comes about by chance. */
const KNOWN =
  /change.?(me|this|it)|replace.?(me|this|with)|your.?|(super|top|very|admin|jwt|my|the)?.?secret|example|password|admin|token|default|insecure|please|random|string|minimum|characters?|123456789|abcdef(ghij)?|qwerty|deadbeef|0123456789/gi;

const HOW = 'for example from "openssl rand -hex 32"';

/** `ADMIN_SECRET`: whoever guesses it signs in as anybody, so that one out of a tutorial stops the start. */
export const adminSecret = z
  .string({ error: `is required: ${MIN_LENGTH} or more random characters, ${HOW}` })
  .min(MIN_LENGTH, `must have at least ${MIN_LENGTH} characters, ${HOW}`)
  .refine(
    isHardToGuess,
    `is easy to guess (few different characters, a repetition or words from an example): take random ones, ${HOW}`,
  );

function isHardToGuess(secret: string): boolean {
  return (
    new Set(secret).size >= MIN_DISTINCT &&
    !/^(.{1,16})\1+.{0,15}$/s.test(secret) &&
    secret.replace(KNOWN, '').length >= MIN_UNKNOWN
  );
}
