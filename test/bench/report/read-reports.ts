import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowReport } from '../frame/report.ts';
import { REPORT_DIR } from '../frame/run-row.ts';

/** Reports of these rows that are there and not older than `since`, in this order. */
export async function readReports(
  rows: readonly string[],
  options: { since?: number; slowDown?: string | undefined } = {},
): Promise<RowReport[]> {
  const { since = 0, slowDown } = options;
  const reports: RowReport[] = [];
  for (const row of rows) {
    const name = `${row.toLowerCase()}${slowDown ? `-${slowDown}` : ''}.json`;
    const text = await readFile(join(REPORT_DIR, name), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const report = JSON.parse(text) as RowReport;
    if (Date.parse(report.date) >= since) reports.push(report);
  }
  return reports;
}
