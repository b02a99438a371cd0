import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from '../../../install/dev/terminal.js';
import { REPORT_DIR } from '../frame/run-row.ts';
import { LONG, ROWS } from '../rows.ts';
import { barChart } from './bar-chart.ts';
import { lineChart } from './line-chart.ts';
import { readReports } from './read-reports.ts';
import { withTable } from './readme-table.ts';

/**
 * `npm run bench:report`: from the reports in `.data/bench` a chart beside each, the table of the README, and the charts of
 * the page on how cost grows.
 */
const readme = fileURLToPath(new URL('../../../README.md', import.meta.url));
const charts = fileURLToPath(new URL('../charts', import.meta.url));
const reports = await readReports(Object.keys(ROWS));
const long = await readReports(Object.keys(LONG));
for (const report of reports) await write(join(REPORT_DIR, `${report.row.toLowerCase()}.svg`), barChart(report));
for (const curve of long.flatMap(({ curves }) => curves)) {
  await write(join(charts, `${slug(curve.title)}.svg`), lineChart(curve));
}
await writeFile(readme, withTable(await readFile(readme, 'utf8'), reports));
say(`README.md: ${reports.length} rows`);

/** Of a title what stands before the amounts in it. */
function slug(title: string): string {
  const [words = ''] = title.toLowerCase().split(',');
  return words.replaceAll(/[^a-z0-9]+/g, '-');
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  say(path);
}
