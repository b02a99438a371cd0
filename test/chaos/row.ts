import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One line of the table that a run prints; null is what does not apply. */
export type Row = {
  fault: string;
  load: string;
  seconds: number;
  /** Frames that the PBX sent to somebody. */
  sent: number | null;
  logged: number | null;
  /** To all clients together. */
  delivered: number | null;
  duplicated: number;
  /** What no gap announces. */
  missing: number;
  gaps: number;
  /** From the end of the fault until everybody had everything. */
  healMs: number | null;
  note?: string;
  /** Of somebody else, for comparison: what is missing there is told, and nothing that we failed in. */
  isOfPeer?: true;
};

const COLUMNS = {
  fault: 'fault',
  load: 'load',
  seconds: 's',
  sent: 'sent',
  logged: 'logged',
  delivered: 'delivered',
  duplicated: 'doubled',
  missing: 'missing',
  gaps: 'gaps',
  healMs: 'heal ms',
  note: '',
} as const satisfies Record<Exclude<keyof Row, 'isOfPeer'>, string>;

/** Prints the row by itself and leaves it for the table, where a run collects one (`CHAOS_RESULTS`). */
export async function report(row: Row): Promise<void> {
  console.info(toLine(row));
  const folder = process.env.CHAOS_RESULTS;
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  const name = row.fault.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(row, null, 2)}\n`);
}

function toLine(row: Row): string {
  const cells = Object.entries(COLUMNS).map(([name, title]) => {
    const value = row[name as keyof Row];
    return value === undefined || value === null || title === '' ? (value ?? '') : `${title} ${value}`;
  });
  return cells.filter(cell => cell !== '').join(' · ');
}

export function toTable(rows: readonly Row[]): string {
  const names = Object.keys(COLUMNS) as (keyof Row)[];
  const cells = rows.map(row => names.map(name => String(row[name] ?? '–')));
  const table = [Object.values(COLUMNS) as string[], ...cells];
  const widths = names.map((_, index) => Math.max(...table.map(line => line[index]?.length ?? 0)));
  const isNumber = (index: number) => !['fault', 'load', 'note'].includes(names[index] ?? '');
  return table
    .map(line =>
      line
        .map((cell, i) => (isNumber(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
