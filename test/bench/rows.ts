/** Every row in the order in which it is run; each is a program of its own. */
export const ROWS = {
  P1: 'p1-fan-out.ts',
  P2: 'p2-saturation.ts',
  P3: 'p3-latency.ts',
  P4: 'p4-ingest.ts',
  P5: 'p5-replay.ts',
  P6: 'p6-persistence.ts',
  P7: 'p7-memory.ts',
  P8: 'p8-reconnect-storm.ts',
  P9: 'p9-redis-readers.ts',
  P10: 'p10-panel.ts',
} as const;

/** Not part of the table: they take long, and are asked for by name. */
export const LONG = { curves: 'curves.ts', soak: 'soak.ts' } as const;

export type RowName = keyof typeof ROWS | keyof typeof LONG;

/** The file of a row that somebody named, however it was written. */
export function fileOf(name: string): string | undefined {
  return { ...ROWS, ...LONG }[(name.toLowerCase() in LONG ? name.toLowerCase() : name.toUpperCase()) as RowName];
}
