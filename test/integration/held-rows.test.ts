import { describe, expect, it } from 'vitest';
import { type HeldRow, holdRows } from '../../admin-ui/src/lib/clients/held-rows.ts';

const keyOf = (row: { id: string }) => row.id;
const shownAs = (rows: HeldRow<{ id: string }>[]) => rows.map(({ row, isGone }) => `${row.id}${isGone ? ' gone' : ''}`);
const rows = (...ids: string[]) => ids.map(id => ({ id }));

describe('holdRows', () => {
  it('shows the newest rows in their order while nobody holds them', () => {
    const before = holdRows([], rows('a', 'b'), { isHeld: false, keyOf });
    expect(shownAs(holdRows(before, rows('c', 'a'), { isHeld: false, keyOf }))).toEqual(['c', 'a']);
  });

  it('moves nothing while held: who went stays in place as gone, who came stands at the end', () => {
    const before = holdRows([], rows('a', 'b', 'c'), { isHeld: false, keyOf });
    const held = holdRows(before, rows('d', 'c', 'a'), { isHeld: true, keyOf });
    expect(shownAs(held)).toEqual(['a', 'b gone', 'c', 'd']);
  });

  it('gives rows that are held their newest content, and takes one back that returns', () => {
    const one = { id: 'a', lag: 1 };
    const gone = holdRows(holdRows([], [one], { isHeld: false, keyOf }), [], { isHeld: true, keyOf });
    expect(gone).toEqual([{ row: one, isGone: true }]);
    const back = holdRows(gone, [{ id: 'a', lag: 2 }], { isHeld: true, keyOf });
    expect(back).toEqual([{ row: { id: 'a', lag: 2 }, isGone: false }]);
  });
});
