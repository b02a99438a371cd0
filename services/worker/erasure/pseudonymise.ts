/**
 * Puts a pseudonym in the place of a telephone number and of the name beside it, wherever they stand in a JSON text.
 *
 * Everything else stays: numbers keep their digits however many they are. Null when the text is no JSON, or nothing in it
 * is about that number.
 */
export interface Pseudonym {
  /** Whether a string is the number, in whatever way it is written. */
  readonly isNumber: (text: string) => boolean;
  /** Stands for the number and for the name from now on. */
  readonly alias: string;
}

export function pseudonymise(json: string, pseudonym: Pseudonym): string | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json, keepDigits);
  } catch {
    return null;
  }
  const changed = { isChanged: false };
  const value = walk(parsed, pseudonym, changed);
  return changed.isChanged ? JSON.stringify(value) : null;
}

const NAME = /name$/i;
/** A run of text that a number may be written as inside a sentence; no part of an id, and no date. */
const WRITTEN_NUMBER = /(?<![\w-])\+?\d[\d ()./-]{3,}\d(?![\w-])/g;

/** Of ECMAScript 2025; the types of this TypeScript do not have it yet. */
declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  }
}

function walk(value: unknown, pseudonym: Pseudonym, changed: { isChanged: boolean }): unknown {
  if (typeof value === 'string') {
    const replaced = inText(value, pseudonym);
    if (replaced !== value) changed.isChanged = true;
    return replaced;
  }
  if (Array.isArray(value)) return value.map(element => walk(element, pseudonym, changed));
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return value;
  const members = Object.entries(value);
  const isAbout = members.some(([, member]) => typeof member === 'string' && pseudonym.isNumber(member));
  return Object.fromEntries(
    members.map(([key, member]) => {
      const isName = isAbout && NAME.test(key) && typeof member === 'string' && member !== '';
      return [key, isName ? pseudonym.alias : walk(member, pseudonym, changed)];
    }),
  );
}

function inText(text: string, { isNumber, alias }: Pseudonym): string {
  if (isNumber(text)) return alias;
  return text.replace(WRITTEN_NUMBER, written => (isNumber(written) ? alias : written));
}

/** A number with more digits than a double holds must come out as it went in. */
function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  return typeof value === 'number' && context.source !== undefined ? JSON.rawJSON(context.source) : value;
}
