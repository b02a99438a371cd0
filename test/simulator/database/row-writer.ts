import pg from 'pg';
import type { Cancel, Clock } from '../pbx/clock.ts';
import type { Layout, RowsByTable } from './layout.ts';
import type { BookedSegment } from './segment-log.ts';

type WriterDeps = {
  pool: pg.Pool;
  layout: Layout;
  clock: Clock;
  warn: (message: string) => void;
};

/** `completeAt` is passed by what is written only once. */
type Waiting = { dueAt: number; booked: BookedSegment; first: RowsByTable | null; complete: RowsByTable };

const TICK_MS = 50;
const RETRY_MS = 500;
const MAX_BATCH = 1000;
const MAX_WAITING = 50_000;
/** SQLSTATE classes of rows that no second try will make right. */
const BAD_DATA = ['22', '23'];

/**
 * Writes rows when they are due, many at a time, while calls go on: nobody waits for the database. While it is away the
 * rows wait, the newest 50,000 of them, and follow.
 */
export class RowWriter {
  readonly #deps: WriterDeps;
  #waiting: Waiting[] = [];
  #cancelTick: Cancel | null = null;
  #isStopped = false;
  #written = 0;
  #dropped = 0;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  add(booked: BookedSegment): void {
    if (this.#isStopped) return;
    const { first, complete } = this.#deps.layout.rowsOf(booked);
    const isLater = booked.completeAt > booked.visibleAt;
    this.#waiting.push({ dueAt: booked.visibleAt, booked, first: isLater ? first : null, complete });
    if (this.#waiting.length > MAX_WAITING) this.#dropOldest();
    this.#tickIn(TICK_MS);
  }

  get state() {
    return { waiting: this.#waiting.length, written: this.#written, dropped: this.#dropped };
  }

  /** What is not due yet is lost, like the rows of a PBX that is switched off. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTick?.();
    this.#waiting = [];
  }

  #tickIn(delayMs: number): void {
    if (this.#isStopped || this.#cancelTick || this.#waiting.length === 0) return;
    this.#cancelTick = this.#deps.clock.after(delayMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    const delayMs = await this.#writeDue();
    this.#cancelTick = null;
    this.#tickIn(delayMs);
  }

  async #writeDue(): Promise<number> {
    const { clock, layout, pool, warn } = this.#deps;
    const now = clock.now();
    const due = this.#waiting.filter(each => each.dueAt <= now).slice(0, MAX_BATCH);
    if (due.length === 0) return TICK_MS;
    // A row that has become complete meanwhile is written once: one statement must not touch it twice.
    const isWhole = (each: Waiting): boolean => each.first === null || each.booked.completeAt <= now;
    try {
      await writeRows(
        pool,
        layout,
        due.flatMap(each => (isWhole(each) || !each.first ? each.complete : each.first)),
      );
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !BAD_DATA.includes(error.code?.slice(0, 2) ?? '')) return RETRY_MS;
      warn(`${due.length} rows for ${layout.cdrTable} were refused and are left out: ${error.message}`);
      this.#dropped += due.length;
      this.#forget(new Set(due));
      return TICK_MS;
    }
    const written = new Set(due.filter(isWhole));
    for (const each of due) if (!written.has(each)) Object.assign(each, { dueAt: each.booked.completeAt, first: null });
    this.#written += written.size;
    this.#forget(written);
    return due.length === MAX_BATCH ? 0 : TICK_MS;
  }

  #forget(done: ReadonlySet<Waiting>): void {
    this.#waiting = this.#waiting.filter(each => !done.has(each));
  }

  #dropOldest(): void {
    if (this.#dropped === 0) {
      this.#deps.warn(
        `The PBX's database is away and ${MAX_WAITING} rows wait for it; from now on the oldest are left out.`,
      );
    }
    this.#waiting.shift();
    this.#dropped++;
  }
}

async function writeRows(pool: pg.Pool, layout: Layout, rows: RowsByTable): Promise<void> {
  const byTable = Map.groupBy(rows, ([table]) => table);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (const [table, { key, updated }] of Object.entries(layout.tables)) {
      const records = byTable.get(table)?.map(([, row]) => row);
      if (!records) continue;
      const change = updated.map(column => `${column} = EXCLUDED.${column}`).join(', ');
      await client.query(
        `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)
         ON CONFLICT (${key}) DO ${change === '' ? 'NOTHING' : `UPDATE SET ${change}`}`,
        [JSON.stringify(records)],
      );
    }
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    // Its transaction may still be open or its socket broken: the next one is new.
    client.release(true);
    throw error;
  }
}
