const STEPS: readonly [from: number, divisor: number, sign: string][] = [
  [1e9, 1e9, ' G'],
  [1e6, 1e6, ' M'],
  [1e4, 1e3, ' k'],
];

/** Three digits that count: `0.42`, `17.3`, `160 k`, `2.05 M`. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const [, divisor = 1, sign = ''] = STEPS.find(([from]) => Math.abs(value) >= from) ?? [];
  const scaled = value / divisor;
  const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${Number(scaled.toFixed(digits))}${sign}`;
}
