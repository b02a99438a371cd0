import type { RowReport } from '../frame/report.ts';
import { toLines } from './summary-lines.ts';

const BEGIN = '<!-- bench: npm run bench:report writes what stands between these two lines -->';
const END = '<!-- /bench -->';

/** The README with the table of these reports; throws when it has no place for it. */
export function withTable(readme: string, reports: readonly RowReport[]): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`README.md has no lines ${BEGIN} and ${END}`);
  return `${readme.slice(0, from + BEGIN.length)}\n${table(reports)}\n${readme.slice(to)}`;
}

function table(reports: readonly RowReport[]): string {
  const lines = reports.flatMap(toLines);
  const header = ['', 'Work', 'Here', 'Best peer', 'Bare limit', 'Ratio', 'Target', 'Met'];
  const rows = lines.map(line => [
    ...[line.row, `${line.work} (${line.unit})`, line.ours, line.peer, line.limit, line.ratio, line.target, line.met],
  ]);
  const markdown = [header, header.map(() => '---'), ...rows].map(cells => `| ${cells.map(escaped).join(' | ')} |`);
  return ['', conditions(reports), '', ...markdown, ''].join('\n');
}

function conditions(reports: readonly RowReport[]): string {
  const [first] = reports;
  if (!first) return 'Nothing is measured yet.';
  const { cores, processor, memoryGb, system, versions } = first.machine;
  const days = [...new Set(reports.map(({ date }) => date.slice(0, 10)))].sort().join(', ');
  const loads = reports.map(({ machine }) => machine.loadBefore);
  const programs = Object.entries(versions).filter(([, version]) => version !== 'absent');
  const software = programs.map(([name, version]) => `${name} ${version}`).join(', ');
  const runs = Math.min(...reports.map(({ settings }) => Number(settings.runs ?? 1)));
  const isShort = reports.some(({ settings }) => settings.quick === true);
  const kind = isShort ? 'the short form (`--quick`), ' : '';
  return `Measured ${days} on ${cores} cores (${processor}, ${memoryGb} GB, ${system}), which servers, senders and clients share; ${kind}${runs === 1 ? 'one run' : `medians of ${runs} runs at least`}; load of the machine before a row ${Math.min(...loads)} to ${Math.max(...loads)}. ${software}.`;
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
