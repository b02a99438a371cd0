import { paint } from '../../../install/dev/terminal.js';
import { formatFigure } from './format-figure.ts';
import { type Measure, ours, type RowReport, type Subject } from './report.ts';
import { median, spread } from './statistics.ts';

/** Of a figure that is shown beside others and has no goal of its own. */
export const NO_TARGET = '–';

/** The table of one row as it is printed: a line for each measure, a column for each subject. */
export function formatMeasures(report: RowReport): string {
  const { machine } = report;
  const head = `\n${paint('bold', `${report.row} ${report.title}`)}\n${report.date.slice(0, 16)} · ${machine.cores} cores · load ${machine.loadBefore} → ${machine.loadAfter} · ${report.seconds} s\n`;
  const names = [...new Set(report.measures.flatMap(({ subjects }) => subjects.map(({ name }) => name)))];
  const header = ['work', ...names, 'ratio', 'target', 'met'];
  const lines = report.measures.map(measure => [
    `${measure.work} (${measure.unit})`,
    ...names.map(name => cell(measure.subjects.find(subject => subject.name === name))),
    ratio(measure),
    measure.target,
    verdict(measure),
  ]);
  const notes = report.measures.flatMap(measure => [
    ...measure.subjects.filter(({ note }) => note).map(({ name, note }) => `  ${measure.work}, ${name}: ${note}`),
    ...(measure.why ? [`  ${measure.work}: ${measure.why}`] : []),
  ]);
  return `${head}${align([header, ...lines])}\n${notes.join('\n')}\n`;
}

function cell(subject: Subject | undefined): string {
  if (!subject) return '';
  if (subject.values.length === 0) return '–';
  const share = spread(subject.values);
  return `${formatFigure(median(subject.values))}${share === 0 ? '' : ` ±${Math.round(share * 100)} %`}`;
}

/** Of ours to the best of the peers; to the limit where there are none. */
export function ratio(measure: Measure): string {
  const own = median(ours(measure)?.values ?? []);
  const rivals = (role: Subject['role']) =>
    measure.subjects.filter(subject => subject.role === role && subject.values.length > 0);
  const [some, what] = rivals('peer').length > 0 ? [rivals('peer'), 'best peer'] : [rivals('limit'), 'limit'];
  if (some.length === 0 || Number.isNaN(own)) return '';
  const values = some.map(({ values }) => median(values));
  const best = measure.better === 'lower' ? Math.min(...values) : Math.max(...values);
  return `${(own / best).toFixed(2)} × ${what}`;
}

export function verdict({ met, target }: Measure): string {
  if (target === NO_TARGET) return '';
  return met === null ? '?' : met ? 'met' : 'not met';
}

export function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows
    .map(row =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
