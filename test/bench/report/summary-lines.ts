import { formatFigure } from '../frame/format-figure.ts';
import { ratio, verdict } from '../frame/format-measures.ts';
import { type Measure, ours, type Role, type RowReport } from '../frame/report.ts';
import { median, spread } from '../frame/statistics.ts';

export interface SummaryLine {
  readonly row: string;
  readonly work: string;
  readonly unit: string;
  readonly ours: string;
  readonly peer: string;
  readonly limit: string;
  readonly ratio: string;
  readonly target: string;
  readonly met: string;
}

export function toLines(report: RowReport): SummaryLine[] {
  return report.measures.map(measure => ({
    ...{ row: report.row, work: measure.work, unit: measure.unit, target: measure.target },
    ours: figureOf(ours(measure)?.values ?? []),
    peer: best(measure, 'peer'),
    limit: best(measure, 'limit'),
    ratio: ratio(measure),
    met: measure.why ? `${verdict(measure)}: ${measure.why}` : verdict(measure),
  }));
}

function figureOf(values: readonly number[]): string {
  const share = Math.round(spread(values) * 100);
  return values.length === 0 ? '–' : `${formatFigure(median(values))}${share === 0 ? '' : ` ±${share} %`}`;
}

function best({ subjects, better }: Measure, role: Role): string {
  const some = subjects.filter(subject => subject.role === role && subject.values.length > 0);
  const sorted = some.sort((one, other) => median(one.values) - median(other.values));
  const found = better === 'lower' ? sorted[0] : sorted.at(-1);
  return found ? `${formatFigure(median(found.values))} (${found.name})` : '';
}
