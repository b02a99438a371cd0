import { parseArgs } from 'node:util';

export interface RowOptions {
  /** A minute for everything: fewer runs, shorter, smaller. */
  readonly quick: boolean;
  readonly runs: number;
  /** How long one run of steady load lasts. */
  readonly seconds: number;
}

/** Of a row that is run alone, or by `npm run bench`, which passes them on. */
export function rowOptions(argv: readonly string[] = process.argv.slice(2)): RowOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      // Both taken by slow-down.ts, for the process that they are about.
      'slow-down': { type: 'string' },
      'cpu-prof': { type: 'boolean', default: false },
    },
  });
  return {
    quick: values.quick,
    runs: positive('--runs', values.runs) ?? (values.quick ? 1 : 3),
    seconds: positive('--seconds', values.seconds) ?? (values.quick ? 3 : 10),
  };
}

export function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${name} takes a whole number above 0, not "${text}"`);
  return number;
}
