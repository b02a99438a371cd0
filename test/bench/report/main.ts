import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from '../../../install/dev/terminal.js';
import { REPORT_DIR } from '../frame/run-row.ts';
import { LONG, ROWS } from '../rows.ts';
import { barChart } from './bar-chart.ts';
import { lineChart } from './line-chart.ts';
import { readReports } from './read-reports.ts';
import { withTable } from './readme-table.ts';

/** `npm run bench:report`: from the reports in `.data/bench` a chart of each row and curve, and the table of the README. */
const readme = fileURLToPath(new URL('../../../README.md', import.meta.url));
const reports = await readReports(Object.keys(ROWS));
const long = await readReports(Object.keys(LONG));
for (const report of [...reports, ...long]) {
  const name = report.row.toLowerCase();
  if (report.measures.length > 0) await write(`${name}.svg`, barChart(report));
  for (const [n, curve] of report.curves.entries()) await write(`${name}-${n + 1}.svg`, lineChart(curve));
}
await writeFile(readme, withTable(await readFile(readme, 'utf8'), reports));
say(`README.md: ${reports.length} rows`);

async function write(name: string, content: string): Promise<void> {
  const path = join(REPORT_DIR, name);
  await writeFile(path, content);
  say(path);
}
