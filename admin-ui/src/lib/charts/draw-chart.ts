import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import type { ChartShape } from './chart-shape.ts';

Chart.register(
  ...[BarController, BarElement, CategoryScale, LinearScale, LineController, LineElement, PointElement, Tooltip],
);

/** What a chart is drawn with; loaded when the first one is shown. */
export interface DrawnChart {
  update(shape: ChartShape): void;
  stop(): void;
}

export function drawChart(canvas: HTMLCanvasElement, shape: ChartShape): DrawnChart {
  const chart = new Chart(canvas, toConfiguration(canvas, shape));
  return {
    update(next) {
      const { data, options } = toConfiguration(canvas, next);
      chart.data = data;
      if (options) chart.options = options;
      chart.update('none');
    },
    stop: () => chart.destroy(),
  };
}

function toConfiguration(canvas: HTMLCanvasElement, shape: ChartShape): ChartConfiguration {
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const ink = style.color;
  const grid = style.borderTopColor;
  const font = { family: style.fontFamily, size: 11 };
  const isStacked = shape.isStacked ?? false;
  return {
    type: shape.kind,
    data: {
      labels: [...shape.labels],
      datasets: shape.series.map(({ label, values, color: name }) => {
        const tone = resolve(canvas, color(`--${name}`));
        return shape.kind === 'bar'
          ? { label, data: [...values], backgroundColor: tone, borderRadius: 2, maxBarThickness: 28 }
          : {
              label,
              data: [...values],
              borderColor: tone,
              backgroundColor: tone,
              borderWidth: 2,
              pointRadius: 0,
              pointHitRadius: 12,
            };
      }),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: {
          stacked: isStacked,
          grid: { display: false },
          border: { color: grid },
          ticks: { color: ink, font, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          stacked: isStacked,
          beginAtZero: true,
          grid: { color: grid },
          border: { display: false },
          ticks: { color: ink, font, maxTicksLimit: 5, callback: value => shape.format(Number(value)) },
        },
      },
      plugins: {
        tooltip: {
          callbacks: {
            label: ({ dataset, parsed }) => ` ${dataset.label ?? ''}: ${shape.format(parsed.y ?? 0)}`,
          },
        },
      },
    },
  };
}

/** A canvas understands no `light-dark()`: the browser computes it for an element. */
function resolve(canvas: HTMLCanvasElement, value: string): string {
  const probe = document.createElement('span');
  probe.style.color = value;
  canvas.parentElement?.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
