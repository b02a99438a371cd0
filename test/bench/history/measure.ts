import type pg from 'pg';
import { countBuffers } from './count-buffers.ts';

/** One line of the table: what is asked, and with how many rows it is answered. */
export interface HistoryQuery {
  readonly name: string;
  /** Milliseconds; those of a page unless told. */
  readonly target?: number;
  run(pool: pg.Pool): Promise<number>;
}

export interface Measured {
  readonly query: string;
  readonly rows: number;
  /** Median. */
  readonly ms: number;
  readonly statements?: number;
  readonly buffers?: number;
  readonly target: number;
  readonly met: boolean;
}

const TARGET_MS = 50;
const ROUNDS = 5;

export async function measure(pool: pg.Pool, query: HistoryQuery): Promise<Measured> {
  const target = query.target ?? TARGET_MS;
  const rows = await query.run(pool);
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    await query.run(pool);
    took.push(performance.now() - startedAt);
  }
  const ms = Number((took.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0).toFixed(1));
  // Of what takes long the buffers say nothing, and explaining it would take longer.
  const buffers = target === TARGET_MS ? await countBuffers(pool, () => query.run(pool)) : {};
  return { query: query.name, rows, ms, ...buffers, target, met: ms <= target };
}
