import { formatFigure } from '../frame/format-figure.ts';
import type { Curve } from '../frame/report.ts';
import { rounded, svg, text } from './svg.ts';

const SIZE = { width: 760, height: 360 };
const PLOT = { left: 70, top: 52, right: 150, bottom: 50 };
const LABEL_HEIGHT = 18;
const COLOURS = ['#2563eb', '#f59e0b', '#10b981', '#ef4444', '#8b5cf6', '#6b7280'];

/** A curve over powers of ten on both axes, where what grows in proportion is a straight line. */
export function lineChart(curve: Curve): string {
  const points = curve.lines.flatMap(line => line.points).filter(({ x, y }) => x > 0 && y > 0);
  const scale = (values: number[], from: number, to: number) => {
    const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
    const span = Math.max(1, high - low);
    const place = (value: number) => from + ((Math.log10(value) - low) / span) * (to - from);
    return { place, ticks: Array.from({ length: span + 1 }, (_, n) => 10 ** (low + n)) };
  };
  const x = scale(
    points.map(point => point.x),
    PLOT.left,
    SIZE.width - PLOT.right,
  );
  const y = scale(
    points.map(point => point.y),
    SIZE.height - PLOT.bottom,
    PLOT.top,
  );
  const bottom = SIZE.height - PLOT.bottom;
  const right = SIZE.width - PLOT.right;
  return svg(SIZE, curve.title, [
    text({ x: 0, y: 18, kind: 'title' }, curve.title),
    ...x.ticks.flatMap(tick => [
      `<line class="grid" x1="${rounded(x.place(tick))}" y1="${PLOT.top}" x2="${rounded(x.place(tick))}" y2="${bottom}"/>`,
      text({ x: x.place(tick), y: bottom + 18, kind: 'dim', anchor: 'middle' }, formatFigure(tick)),
    ]),
    ...y.ticks.flatMap(tick => [
      `<line class="grid" x1="${PLOT.left}" y1="${rounded(y.place(tick))}" x2="${right}" y2="${rounded(y.place(tick))}"/>`,
      text({ x: PLOT.left - 8, y: y.place(tick) + 4, kind: 'dim', anchor: 'end' }, formatFigure(tick)),
    ]),
    text({ x: (PLOT.left + right) / 2, y: SIZE.height - 8, kind: 'dim', anchor: 'middle' }, curve.xLabel),
    text({ x: 0, y: 36, kind: 'dim' }, curve.yLabel),
    ...labels(curve, y.place).flatMap(({ n, at, name }) => [
      `<circle r="4" fill="${COLOURS[n % COLOURS.length]}" cx="${right + 14}" cy="${rounded(at)}"/>`,
      text({ x: right + 24, y: at + 4 }, name),
    ]),
    ...curve.lines.flatMap(({ points: of }, n) => {
      const colour = COLOURS[n % COLOURS.length];
      const drawn = of.filter(point => point.x > 0 && point.y > 0);
      const places = drawn.map(point => `${rounded(x.place(point.x))},${rounded(y.place(point.y))}`);
      return [
        `<polyline class="line" stroke="${colour}" points="${places.join(' ')}"/>`,
        ...places.map(
          place => `<circle r="3" fill="${colour}" cx="${place.split(',')[0]}" cy="${place.split(',')[1]}"/>`,
        ),
      ];
    }),
  ]);
}

/** Names beside the ends of their lines, apart from each other. */
function labels(curve: Curve, place: (value: number) => number): { n: number; at: number; name: string }[] {
  const ends = curve.lines.flatMap(({ name, points }, n) => {
    const last = points.findLast(({ y }) => y > 0);
    return last ? [{ n, name, at: place(last.y) }] : [];
  });
  ends.sort((one, other) => one.at - other.at);
  let free = 0;
  return ends.map(end => {
    const at = Math.max(end.at, free);
    free = at + LABEL_HEIGHT;
    return { ...end, at };
  });
}
