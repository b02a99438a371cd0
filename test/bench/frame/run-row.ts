import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { announce } from '../../../install/dev/terminal.js';
import { slowDownName } from '../slow-down/slow-down.ts';
import { formatMeasures } from './format-measures.ts';
import { describeMachine, loadNow } from './machine.ts';
import { type RowOptions, rowOptions } from './options.ts';
import type { Curve, Measure, RowReport } from './report.ts';
import { openStand, type Stand } from './stand.ts';

export const REPORT_DIR = '.data/bench';

export interface RowWork {
  readonly stand: Stand;
  readonly options: RowOptions;
  /** Keeps one run for the report as it was measured, and shows that something happens. */
  record(what: string, run: object): void;
}

export interface RowResult {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly measures: readonly Measure[];
  readonly curves?: readonly Curve[];
}

export interface RowDefinition {
  readonly row: string;
  readonly title: string;
  /** After this it is given up, with everything that it started. */
  readonly maxSeconds: number;
  readonly fsyncPostgres?: boolean;
  readonly measure: (work: RowWork) => Promise<RowResult>;
  readonly options?: RowOptions;
}

/**
 * The frame of every row: servers, a bound in time, the table of this row and its report in `.data/bench`. A slow machine
 * fails nothing; what could not be measured says why. A run with a slow-down on purpose is kept under a name of its own.
 */
export async function runRow(definition: RowDefinition): Promise<void> {
  const { row, title, maxSeconds } = definition;
  const options = definition.options ?? rowOptions();
  const loadBefore = loadNow();
  const startedAt = performance.now();
  const watch = setTimeout(() => {
    process.stderr.write(`${row} took more than ${maxSeconds} s and is given up\n`);
    process.exit(1);
  }, maxSeconds * 1_000);
  const runs: unknown[] = [];
  const stand = await openStand({ fsyncPostgres: definition.fsyncPostgres ?? false });
  try {
    const result = await definition.measure({
      stand,
      options,
      record(what, run) {
        runs.push({ what, ...run });
        announce(`${row} ${what}: ${brief(run)}`);
      },
    });
    const slowDown = slowDownName();
    const report: RowReport = {
      row,
      title: slowDown ? `${title} (slowed down on purpose: ${slowDown})` : title,
      date: new Date().toISOString(),
      machine: await describeMachine(loadBefore),
      seconds: Math.round((performance.now() - startedAt) / 1_000),
      settings: { ...options, ...(slowDown ? { slowDown } : {}), ...result.settings },
      measures: result.measures,
      curves: result.curves ?? [],
      runs,
    };
    await mkdir(REPORT_DIR, { recursive: true });
    const name = slowDown ? `${row}-${slowDown}` : row;
    await writeFile(join(REPORT_DIR, `${name.toLowerCase()}.json`), JSON.stringify(report, null, 2));
    process.stdout.write(formatMeasures(report));
  } finally {
    clearTimeout(watch);
    await stand.stop();
  }
  // Connections of the drivers that are still closing need not be waited for.
  process.exit();
}

function brief(run: object): string {
  return Object.entries(run)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `${name} ${typeof value === 'number' ? round(value) : String(value)}`)
    .join(', ');
}

function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
