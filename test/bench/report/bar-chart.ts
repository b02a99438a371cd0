import { formatFigure } from '../frame/format-figure.ts';
import type { Measure, RowReport } from '../frame/report.ts';
import { median } from '../frame/statistics.ts';
import { rounded, svg, text } from './svg.ts';

const WIDTH = 760;
const LABEL = 230;
const VALUES = 110;
const BAR = 18;
const GAP = 6;
const HEAD = 46;
const TITLE = 34;

/** One row as bars, measure by measure; within a measure every bar is in proportion to the longest. */
export function barChart(report: RowReport): string {
  const content = [text({ x: 0, y: 18, kind: 'title' }, `${report.row} ${report.title}`)];
  let y = TITLE;
  for (const measure of report.measures) {
    content.push(...bars(measure, y));
    y += HEAD + shown(measure).length * (BAR + GAP);
  }
  return svg({ width: WIDTH, height: y + GAP }, `${report.row} ${report.title}`, content);
}

function bars(measure: Measure, top: number): string[] {
  const better = measure.better === 'lower' ? 'less is better' : 'more is better';
  const subjects = shown(measure);
  const longest = Math.max(...subjects.map(({ values }) => median(values)));
  const head = text({ x: 0, y: top + 18 }, `${measure.work}, ${measure.unit} (${better}; target ${measure.target})`);
  return [
    head,
    ...subjects.flatMap(({ name, role, values }, n) => {
      const y = top + 28 + n * (BAR + GAP);
      const value = median(values);
      const width = Math.max(1, ((WIDTH - LABEL - VALUES) * value) / (longest || 1));
      return [
        text({ x: LABEL - 8, y: y + 13, anchor: 'end', ...(role === 'ours' ? {} : { kind: 'dim' }) }, name),
        `<rect class="${role}" x="${LABEL}" y="${y}" width="${rounded(width)}" height="${BAR}" rx="2"/>`,
        text({ x: LABEL + width + 6, y: y + 13 }, formatFigure(value)),
      ];
    }),
  ];
}

function shown({ subjects }: Measure): Measure['subjects'] {
  return subjects.filter(({ values }) => values.length > 0 && Number.isFinite(median(values)));
}
