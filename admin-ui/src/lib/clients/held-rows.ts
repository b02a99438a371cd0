/** A row as it is shown. `isGone`: it was not in the newest answer, and is kept only so that nothing moves. */
export interface HeldRow<Row> {
  readonly row: Row;
  readonly isGone: boolean;
}

/**
 * Rows that come anew every few seconds, in an order in which nothing moves under the pointer: while `isHeld` each keeps
 * its place with its newest content, one that went stays as gone, and new ones stand at the end.
 */
export function holdRows<Row>(
  shown: readonly HeldRow<Row>[],
  rows: readonly Row[],
  { isHeld, keyOf }: { isHeld: boolean; keyOf: (row: Row) => string },
): HeldRow<Row>[] {
  if (!isHeld) return rows.map(row => ({ row, isGone: false }));
  const newest = new Map(rows.map(row => [keyOf(row), row]));
  const kept = shown.map(({ row }) => {
    const key = keyOf(row);
    const now = newest.get(key);
    newest.delete(key);
    return now === undefined ? { row, isGone: true } : { row: now, isGone: false };
  });
  return [...kept, ...[...newest.values()].map(row => ({ row, isGone: false }))];
}
