import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BasicType } from 'hyparquet-writer';
import type { Column } from './history-kind.ts';
import type { ParquetColumns, ParquetStep } from './parquet-worker.ts';

/**
 * Rows as a Parquet file, written as they come: no more than one row group is in memory.
 *
 * A thread packs them: here it would stop the relay for 35 ms with every thousand events.
 */
const GROUP_ROWS = 2_000;

/** JSON is declared as text, which it stays byte by byte: the library would parse it and write its own. */
const TYPES = {
  text: 'STRING',
  integer: 'INT64',
  number: 'DOUBLE',
  time: 'TIMESTAMP',
  json: 'STRING',
} as const satisfies Record<Column<unknown>['type'], BasicType>;

/** `notes` go into the file's metadata; they are asked for when the last row is written. */
export async function* toParquet<Row>(
  pages: AsyncIterable<readonly Row[]>,
  columns: readonly Column<Row>[],
  notes: () => Readonly<Record<string, string>>,
): AsyncGenerator<Buffer, void, undefined> {
  const workerData: ParquetColumns = { columns: columns.map(({ name, type }) => ({ name, type: TYPES[type] })) };
  const worker = new Worker(new URL('./parquet-worker.ts', import.meta.url), { workerData });
  // Also while pages are read and nobody waits for the thread: what it throws would end the process.
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  const pack = (step: ParquetStep) => Promise.race([packed(worker, step), failed]);
  try {
    for await (const rows of inGroups(pages)) {
      yield await pack({ kind: 'group', data: columns.map(column => rows.map(row => toValue(column, row))) });
    }
    yield await pack({ kind: 'end', notes: notes() });
  } finally {
    await worker.terminate();
  }
}

/** What the step added to the file. */
async function packed(worker: Worker, step: ParquetStep): Promise<Buffer> {
  const answer = once(worker, 'message');
  worker.postMessage(step);
  const [bytes] = (await answer) as [Uint8Array];
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Pages may be short; groups are full but for the last one. */
async function* inGroups<Row>(pages: AsyncIterable<readonly Row[]>): AsyncGenerator<Row[], void, undefined> {
  let waiting: Row[] = [];
  for await (const page of pages) {
    waiting.push(...page);
    while (waiting.length >= GROUP_ROWS) {
      yield waiting.slice(0, GROUP_ROWS);
      waiting = waiting.slice(GROUP_ROWS);
    }
  }
  if (waiting.length > 0) yield waiting;
}

function toValue<Row>({ type, value }: Column<Row>, row: Row): unknown {
  const plain = value(row);
  if (plain === null) return null;
  if (type === 'time') return new Date(String(plain));
  if (type === 'integer') return BigInt(Number(plain));
  return plain;
}
