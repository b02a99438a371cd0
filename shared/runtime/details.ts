import { isSecretName, REDACTED, redactText } from './secrets.ts';

/**
 * Turns whatever a caller has at hand into JSON that the log, PostgreSQL and a browser take: bounded in size and depth,
 * without secrets, with errors by name, code and cause. Total: what cannot be read is named, never thrown.
 */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export type Details = { [name: string]: Json };

/** Characters of the whole; room for the beginning of an unreadable frame and what is known of it. */
const MAX_TOTAL = 16_384;
const MAX_TEXT = 4_096;
const MAX_DEPTH = 6;
const MAX_MEMBERS = 50;
const STACK_LINES = 8;
/** Longer ones are tokens, which are recognised by their beginning. */
const MAX_SECRET = 1_024;

export function toDetails(value: unknown): Details {
  if (value === undefined || value === null) return {};
  const walk = new Walk();
  try {
    const json = walk.convert(value, 0);
    if (value instanceof Error) return { error: json };
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : { value: json };
  } catch {
    return { unreadable: 'the details could not be read' };
  }
}

/** PostgreSQL takes neither U+0000 nor half a surrogate pair; a secret may be in any text. */
export function toSafeText(text: string, maxLength: number): string {
  // Behind the cut, too: half a secret would not be recognised as one. And what stands in its place may be longer.
  const redacted = redactText(text.slice(0, maxLength + MAX_SECRET));
  const isCut = redacted.length > maxLength || text.length > maxLength;
  const safe = (isCut ? redacted.slice(0, maxLength - 1) : redacted).toWellFormed().replaceAll('\0', '\uFFFD');
  return isCut ? `${safe}…` : safe;
}

class Walk {
  #left = MAX_TOTAL;
  readonly #above = new Set<object>();

  convert(value: unknown, depth: number): Json {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? this.#spend(value, 8) : String(value);
      case 'boolean':
        return this.#spend(value, 5);
      case 'bigint':
        return this.#text(value.toString());
      case 'object':
        return value === null ? null : this.#object(value, depth);
      default:
        return `[${typeof value}]`;
    }
  }

  #text(text: string): string {
    const room = Math.min(MAX_TEXT, this.#left);
    if (room <= 0) return '[cut]';
    return this.#spend(toSafeText(text, room), Math.min(text.length, room));
  }

  #spend<Value extends Json>(value: Value, size: number): Value {
    this.#left -= size;
    return value;
  }

  #object(value: object, depth: number): Json {
    if (this.#above.has(value)) return '[circular]';
    if (depth >= MAX_DEPTH) return '[too deep]';
    this.#above.add(value);
    try {
      return this.#members(value, depth + 1);
    } catch {
      return '[unreadable]';
    } finally {
      this.#above.delete(value);
    }
  }

  #members(value: object, depth: number): Json {
    if (value instanceof Error) return this.#error(value, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return this.#text(value.href);
    if (value instanceof Uint8Array) return this.#text(Buffer.from(value.subarray(0, MAX_TEXT)).toString('base64'));
    if (value instanceof Map) return this.#named(value.entries(), value.size, depth);
    if (value instanceof Set) return this.#list([...value].slice(0, MAX_MEMBERS + 1), depth);
    if (Array.isArray(value)) return this.#list(value, depth);
    const names = Object.keys(value);
    return this.#named(readEach(value, names), names.length, depth);
  }

  #list(values: readonly unknown[], depth: number): Json {
    const list: Json[] = [];
    for (const value of values) {
      if (list.length >= MAX_MEMBERS || this.#left <= 0) {
        list.push('[cut]');
        break;
      }
      list.push(this.convert(value, depth));
    }
    return list;
  }

  #named(entries: Iterable<readonly [unknown, unknown]>, size: number, depth: number): Json {
    const members: [string, Json][] = [];
    for (const [key, value] of entries) {
      if (members.length >= MAX_MEMBERS || this.#left <= 0) {
        members.push(['…', `${size - members.length} more`]);
        break;
      }
      if (value === undefined) continue;
      const name = this.#spend(toSafeText(String(key), 200), 4);
      members.push([name, isSecretName(name) ? REDACTED : this.convert(value, depth)]);
    }
    // Not by assignment: a member named __proto__ is a member like others.
    return Object.fromEntries(members);
  }

  /** Never its other properties: HTTP clients hang the whole request on their errors. */
  #error(error: Error, depth: number): Json {
    const { name, message, stack, cause } = error;
    const shown: { [name: string]: Json } = { name: this.#text(String(name)), message: this.#text(String(message)) };
    if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) {
      shown.code = this.convert(error.code, depth);
    }
    if (typeof stack === 'string') shown.stack = this.#text(stack.split('\n').slice(1, STACK_LINES).join('\n'));
    if (cause !== undefined) shown.cause = this.convert(cause, depth);
    if (error instanceof AggregateError) shown.errors = this.#list(error.errors.slice(0, 5), depth);
    return shown;
  }
}

/** One by one, because a getter may throw. */
function* readEach(object: object, names: readonly string[]): Generator<readonly [string, unknown]> {
  for (const name of names) {
    let value: unknown;
    try {
      value = Reflect.get(object, name);
    } catch {
      value = '[unreadable]';
    }
    yield [name, value];
  }
}
