import { readFileSync } from 'node:fs';

/** Read when the first password is chosen, and kept: a few thousand lines. */
let known: ReadonlySet<string> | undefined;

/** Most words a guesser puts together before he takes something else; somebody who takes more has a passphrase. */
const MAX_WORDS = 2;
/** What is left beside common words makes no password as long as it is shorter. */
const MIN_OWN_CHARACTERS = 7;
const MIN_WORD_LENGTH = 4;
/** Whoever types more has put together a phrase, even of words that are common by themselves. */
const PHRASE_LENGTH = 19;
const LEET: Readonly<Record<string, string>> = { '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't' };

/**
 * Whether a guesser would come to this password soon: it is a common one, or one or two of them with a little around,
 * also with digits in the place of letters; or it is a short piece over and over again.
 */
export function isCommonPassword(password: string): boolean {
  known ??= readList();
  const lower = password.toLowerCase();
  return isRepetition(lower) || [lower, lower.replace(/[013457]/g, digit => LEET[digit] ?? digit)].some(isMostlyCommon);
}

function isMostlyCommon(text: string): boolean {
  if (text.length >= PHRASE_LENGTH) return known?.has(text) === true;
  let left = text;
  for (let words = 0; words < MAX_WORDS; words += 1) {
    const word = longestWordIn(left);
    if (word === null) break;
    left = left.replace(word, '');
  }
  return left.length < MIN_OWN_CHARACTERS && left !== text;
}

function longestWordIn(text: string): string | null {
  for (let length = text.length; length >= MIN_WORD_LENGTH; length -= 1) {
    for (let from = 0; from + length <= text.length; from += 1) {
      const word = text.slice(from, from + length);
      if (known?.has(word)) return word;
    }
  }
  return null;
}

/** `aaaaaaaaaaaa`, `abcabcabcabc`, `passwordpassword1`. */
function isRepetition(text: string): boolean {
  return /^(.{1,16})\1+.{0,5}$/.test(text);
}

function readList(): ReadonlySet<string> {
  const lines = readFileSync(new URL('./common-passwords.txt', import.meta.url), 'utf8').split('\n');
  return new Set(lines.filter(line => line !== '' && !line.startsWith('#')));
}
