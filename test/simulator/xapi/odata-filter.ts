import type { EntityType, Row } from './entity-set.ts';
import { ODataError, unknownProperty } from './odata-error.ts';
import { unquoted } from './odata-path.ts';

/** The forms of `$filter` that clients of the call data use: comparisons of one property each, joined by `and`. */
const CLAUSE = /\s*\(?\s*(\w+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|[^\s()]+)\s*\)?\s*(and\s|$)/y;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T/;

type Comparison = { property: string; operator: string; literal: string };

export function parseFilter(text: string, type: EntityType): (row: Row) => boolean {
  const comparisons: Comparison[] = [];
  CLAUSE.lastIndex = 0;
  while (CLAUSE.lastIndex < text.length) {
    const at = CLAUSE.lastIndex;
    const [, property, operator, literal] = CLAUSE.exec(text) ?? [];
    if (property === undefined || operator === undefined || literal === undefined) {
      throw new ODataError(
        400,
        `The query specified in the URI is not valid. Syntax error at position ${at} in '${text}'.`,
        {
          target: '$filter',
        },
      );
    }
    if (!type.fields.includes(property)) throw unknownProperty(property, type.name);
    comparisons.push({ property, operator, literal });
  }
  return row => comparisons.every(comparison => holds(row[comparison.property], comparison));
}

function holds(value: unknown, { operator, literal }: Comparison): boolean {
  // As in SQL: nothing is greater or smaller than null, and a property without a value equals only null.
  if (value === null || value === undefined || literal === 'null') {
    const isSame = (value === null || value === undefined) && literal === 'null';
    return operator === 'eq' ? isSame : operator === 'ne' && !isSame;
  }
  const order = compare(value, literal);
  if (operator === 'eq') return order === 0;
  if (operator === 'ne') return order !== 0;
  if (operator === 'ge') return order >= 0;
  if (operator === 'gt') return order > 0;
  return operator === 'le' ? order <= 0 : order < 0;
}

function compare(value: unknown, literal: string): number {
  if (typeof value === 'number') return value - Number(literal);
  if (DATE_TIME.test(literal)) return Date.parse(String(value)) - Date.parse(literal);
  const [left, right] = [String(value), unquoted(literal)];
  return left === right ? 0 : left < right ? -1 : 1;
}
