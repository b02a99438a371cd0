/**
 * Which rows of a list are in view. All have the same height, but the open one has its detail beneath it.
 */
export interface Viewport {
  readonly count: number;
  readonly rowPx: number;
  /** Index of the row with the detail; -1: none. */
  readonly openIndex: number;
  readonly detailPx: number;
  readonly scrollTop: number;
  readonly heightPx: number;
}

export interface RowRange {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
  /** From the top of the list to the first of them. */
  readonly offsetPx: number;
  readonly totalPx: number;
}

/** Beyond each edge, so that a row is there before it is in view. */
const SPARE = 8;

export function rowsInView(view: Viewport): RowRange {
  const { count, rowPx, openIndex, detailPx, scrollTop, heightPx } = view;
  const extra = openIndex < 0 ? 0 : detailPx;
  const first = clamp(indexAt(view, scrollTop) - SPARE, 0, count);
  const end = clamp(indexAt(view, scrollTop + heightPx) + 1 + SPARE, first, count);
  const offsetPx = first * rowPx + (openIndex >= 0 && openIndex < first ? extra : 0);
  return { first, end, offsetPx, totalPx: count * rowPx + extra };
}

function indexAt({ rowPx, openIndex, detailPx }: Viewport, y: number): number {
  const openEnd = (openIndex + 1) * rowPx;
  if (openIndex < 0 || y < openEnd) return Math.floor(y / rowPx);
  return y < openEnd + detailPx ? openIndex : Math.floor((y - detailPx) / rowPx);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
