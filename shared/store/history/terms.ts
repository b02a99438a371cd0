import type { LogEntry } from '../../log/entry.ts';
import { toNumberKey } from '../number-key.ts';

/**
 * Under which values an entry is found. Whoever indexes and whoever looks through what is not indexed yet ask here, so
 * that the same entries are found before and after.
 */
export type TermKind = 'dn' | 'event' | 'number' | 'key' | 'component';

/** The values of each kind; a body that is not what we expect adds none. */
export type Terms = ReadonlyMap<TermKind, ReadonlySet<string>>;

/** What terms are made of. `body`: null when it was not worth reading. */
export type IndexedEntry = Pick<LogEntry, 'channel' | 'dn' | 'event'> & { readonly body: string | null };

/** A longer body is the PBX's oddity, and is not read for its terms. */
export const MAX_BODY_BYTES = 32 * 1024;
/** Far below the size of an index row (2704 bytes), whatever characters it has. */
const MAX_VALUE_LENGTH = 200;

export function termsOf(entry: IndexedEntry): Terms {
  const terms = new Map<TermKind, Set<string>>();
  eachTerm(entry, (kind, value) => {
    if (!isIndexable(value)) return;
    const values = terms.get(kind);
    if (values) values.add(value);
    else terms.set(kind, new Set([value]));
  });
  return terms;
}

/** The same without sets, for who goes over millions: a value may come twice, and may be none that isIndexable lets pass. */
export function eachTerm(entry: IndexedEntry, add: (kind: TermKind, value: string) => void): void {
  for (const dn of entry.dn?.split(',') ?? []) add('dn', dn);
  for (const event of entry.event?.split(',') ?? []) add('event', event);
  addFromBody(entry, add);
}

/** PostgreSQL keeps such a value as it is. */
export function isIndexable(value: string): boolean {
  return value !== '' && value.length <= MAX_VALUE_LENGTH && value.isWellFormed() && !value.includes('\0');
}

type Add = (kind: TermKind, value: string) => void;

function addFromBody({ channel, body }: IndexedEntry, add: Add): void {
  if (body === null || Buffer.byteLength(body) > MAX_BODY_BYTES) return;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return;
  }
  if (channel === 'calls') {
    for (const call of [at(json, 'call'), ...asArray(at(json, 'otherCalls'))]) addNumbers(call, add);
    return;
  }
  const data = at(json, 'data');
  if (channel === 'requests') addId(at(data, 'keyId'), add);
  else if (channel === 'audit' && at(at(data, 'actor'), 'kind') === 'api_key') addId(at(at(data, 'actor'), 'id'), add);
  else if (channel === 'health' || channel === 'errors') {
    const component = at(data, 'component');
    if (typeof component === 'string') add('component', component);
  }
}

function addNumbers(call: unknown, add: Add): void {
  for (const number of [at(at(call, 'caller'), 'number'), at(at(call, 'callee'), 'number'), at(call, 'did')]) {
    if (typeof number === 'string') add('number', toNumberKey(number));
  }
}

function addId(id: unknown, add: Add): void {
  if (typeof id === 'number' || typeof id === 'string') add('key', String(id));
}

function at(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
