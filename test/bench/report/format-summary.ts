import { paint } from '../../../install/dev/terminal.js';
import { align } from '../frame/format-measures.ts';
import type { RowReport } from '../frame/report.ts';
import { toLines } from './summary-lines.ts';

/** All rows in one table, as it is printed. */
export function formatSummary(reports: readonly RowReport[]): string {
  const header = ['', 'work', 'ours', 'best peer', 'limit', 'ratio', 'target', 'met'];
  const lines = reports
    .flatMap(toLines)
    .map(line => [
      ...[line.row, `${line.work} (${line.unit})`, line.ours, line.peer, line.limit, line.ratio, line.target, line.met],
    ]);
  return lines.length === 0 ? '' : `\n${paint('bold', 'All rows')}\n${align([header, ...lines])}\n`;
}
