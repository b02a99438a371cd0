/** What a chart shows. Colours are names of tokens, so that it follows light and dark. */
export interface ChartShape {
  readonly kind: 'bar' | 'line';
  /** One for each place on the axis. */
  readonly labels: readonly string[];
  readonly series: readonly ChartSeries[];
  readonly isStacked?: boolean;
  /** A value as text, with its unit. */
  readonly format: (value: number) => string;
}

export interface ChartSeries {
  readonly label: string;
  /** Null where nothing is known. */
  readonly values: readonly (number | null)[];
  readonly color: 'accent' | 'ok' | 'warn' | 'bad' | 'ink-muted' | 'line-strong';
}
