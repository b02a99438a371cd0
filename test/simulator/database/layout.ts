import type { BookedSegment } from './segment-log.ts';

/** `v20` is what databases of update 6 and later hold (3cx.md §3.2), `spec` what the product specification describes. */
export const LAYOUTS = ['v20', 'spec'] as const;
export type LayoutName = (typeof LAYOUTS)[number];

export type TableRow = Readonly<Record<string, unknown>>;
export type RowsByTable = ReadonlyArray<readonly [table: string, row: TableRow]>;

export type Layout = {
  readonly name: LayoutName;
  /** File below `sql/`. */
  readonly schema: string;
  readonly cdrTable: string;
  /** The tables that are written, each with its key and what a later version of a row changes. */
  readonly tables: Readonly<Record<string, { key: string; updated: readonly string[] }>>;
  /**
   * The rows of one segment: as they first appear, and when the PBX has filled in the rest. Called once for a segment,
   * in the order they were booked.
   */
  rowsOf(booked: BookedSegment): { first: RowsByTable; complete: RowsByTable };
};

/** What the tables held before this run: numbers go on from there. */
export type LastIds = Readonly<Record<string, number>>;

export function direction(source: string, destination: string): 'inbound' | 'outbound' | 'internal' {
  if (source === 'external_line') return 'inbound';
  return destination === 'external_line' || destination === 'outbound_rule' ? 'outbound' : 'internal';
}
