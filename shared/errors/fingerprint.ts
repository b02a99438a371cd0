import { createHash } from 'node:crypto';

/**
 * What makes two errors the same: the component and the message without what varies. A message that differs only in
 * numbers, ids, addresses, times or quoted values has the same fingerprint.
 *
 * One rule serves for all of them: a word with a digit in it is a value. Special patterns for UUIDs or addresses would
 * decide by length and form, so that the same message could fall into two groups from one number to the next.
 */
export function fingerprintOf(component: string, message: string): string {
  return createHash('sha256')
    .update(`${component}\n${normalise(message)}`)
    .digest('hex')
    .slice(0, FINGERPRINT_LENGTH);
}

const FINGERPRINT_LENGTH = 16;
/** The beginning says what it is; the end of a very long message is most often a dump. */
const MAX_READ = 16_384;
const MAX_COMPARED = 500;

/** An opening quote stands behind no letter, a closing one before none: "can't" quotes nothing. */
const QUOTED = /(?<![\p{L}\p{N}])(["'`“„])[^"'`“”„]*["'`”](?![\p{L}\p{N}])/gu;
/** Words, also joined as in `10.0.0.1:5432`, `2026-03-02T09:14:07`, `fe80::1` and UUIDs. */
const WORD = /[\p{L}\p{N}_]+(?:[-.:]+[\p{L}\p{N}_]+)*/gu;
const HAS_DIGIT = /\p{N}/u;

function normalise(message: string): string {
  return message
    .slice(0, MAX_READ)
    .replace(QUOTED, '"…"')
    .replace(WORD, word => (HAS_DIGIT.test(word) ? '#' : word))
    .replace(/[-+]#/g, '#')
    .replace(/#(?:,\s*#)+/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_COMPARED);
}
