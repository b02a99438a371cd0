import { parentPort, workerData } from 'node:worker_threads';
import { type BasicType, ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';

/** What the thread is made with. */
export interface ParquetColumns {
  readonly columns: readonly { readonly name: string; readonly type: BasicType }[];
}

/** A row group, one array for each column; or the end, with what goes into the file's metadata. */
export type ParquetStep =
  | { readonly kind: 'group'; readonly data: readonly unknown[][] }
  | { readonly kind: 'end'; readonly notes: Readonly<Record<string, string>> };

const port = parentPort;
if (!port) throw new Error('this is a worker thread');
const { columns } = workerData as ParquetColumns;
const bytes = new ByteWriter();
const file = new ParquetWriter({
  writer: bytes,
  schema: schemaFromColumnData({ columnData: columns.map(column => ({ ...column, data: [] })) }),
  createdBy: '3cx-relay',
});

port.on('message', (step: ParquetStep) => {
  if (step.kind === 'group') {
    const columnData = columns.map((column, i) => ({ ...column, data: step.data[i] ?? [] }));
    void file.write({ columnData, rowGroupSize: step.data[0]?.length ?? 0 });
  } else {
    file.kvMetadata = Object.entries(step.notes).map(([key, value]) => ({ key, value }));
    void file.finish();
  }
  // The writer goes on counting where it is in the file; only what it holds begins anew.
  const taken = bytes.getBytes().slice();
  bytes.index = 0;
  port.postMessage(taken, [taken.buffer]);
});
