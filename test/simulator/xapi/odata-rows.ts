import type { EntityType, Row } from './entity-set.ts';
import { ODataError, unknownProperty } from './odata-error.ts';
import { parseFilter } from './odata-filter.ts';

export type Page = { rows: Row[]; count: number | null; select: readonly string[] };

/** `$top=1000` is a 400 on V20 (3cx.md §2.1). */
const MAX_TOP = 100;
/** Without `$top` the first page is short and does not say that there is more (3cx.md §2.1; 50 users seen). */
const SHORT_PAGE = 50;
const NUMBER = /^\d{1,9}$/;

/** Applies the query options in the order OData gives them: filter, count, order, skip, top, select. */
export function pageOf(
  all: readonly Row[],
  options: URLSearchParams,
  quirks: { type: EntityType; ignoresOrder?: boolean },
): Page {
  const { type, ignoresOrder = false } = quirks;
  const filter = options.get('$filter');
  const matching = filter === null ? [...all] : all.filter(parseFilter(filter, type));
  const orderBy = options.get('$orderby');
  if (orderBy !== null && !ignoresOrder) matching.sort(parseOrder(orderBy, type));
  const skip = wholeNumber(options, '$skip') ?? 0;
  const top = wholeNumber(options, '$top') ?? SHORT_PAGE;
  if (top > MAX_TOP) {
    throw new ODataError(
      400,
      `The limit of '${MAX_TOP}' for Top query has been exceeded. The value from the incoming request is '${top}'.`,
      {
        target: '$top',
      },
    );
  }
  const select = selectedFields(options, type);
  return {
    rows: matching.slice(skip, skip + top).map(row => selected(row, select)),
    count: options.get('$count') === 'true' ? matching.length : null,
    select,
  };
}

export function selectedFields(options: URLSearchParams, type: EntityType): string[] {
  const fields = (options.get('$select') ?? '')
    .split(',')
    .map(each => each.trim())
    .filter(Boolean);
  const unknown = fields.find(field => !type.fields.includes(field));
  if (unknown !== undefined) throw unknownProperty(unknown, type.name);
  return fields;
}

export function selected(row: Row, fields: readonly string[]): Row {
  return fields.length === 0 ? row : Object.fromEntries(fields.map(field => [field, row[field] ?? null]));
}

function wholeNumber(options: URLSearchParams, name: string): number | null {
  const text = options.get(name);
  if (text === null) return null;
  if (NUMBER.test(text)) return Number(text);
  throw new ODataError(
    400,
    `Invalid value '${text}' for ${name} query option found. It must be a non-negative integer.`,
    {
      target: name,
    },
  );
}

function parseOrder(text: string, type: EntityType): (a: Row, b: Row) => number {
  const keys = text.split(',').map(part => {
    const [field = '', direction = 'asc'] = part.trim().split(/\s+/);
    if (!type.fields.includes(field)) throw unknownProperty(field, type.name);
    return { field, sign: direction === 'desc' ? -1 : 1 };
  });
  return (a, b) => {
    for (const { field, sign } of keys) {
      const order = sign * compareValues(a[field], b[field]);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a ?? ''), String(b ?? '')];
  return left === right ? 0 : left < right ? -1 : 1;
}
