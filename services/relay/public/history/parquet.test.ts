import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import type { Column } from './history-kind.ts';
import { toParquet } from './parquet.ts';

interface Row {
  readonly n: number;
  readonly name: string | null;
  readonly at: string | null;
  readonly body: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'n', type: 'integer', value: ({ n }) => n },
  { name: 'share', type: 'number', value: ({ n }) => n / 4 },
  { name: 'name', type: 'text', value: ({ name }) => name },
  { name: 'at', type: 'time', value: ({ at }) => at },
  { name: 'body', type: 'json', value: ({ body }) => body },
];

function row(n: number): Row {
  const isBare = n % 7 === 0;
  return {
    n,
    name: isBare ? null : `Ünï 😀 ${n}`,
    at: isBare ? null : new Date(1_700_000_000_000 + n).toISOString(),
    body: `{"big":12345678901234567890.10, "n":${n}}`,
  };
}

async function* pagesOf(sizes: readonly number[]): AsyncGenerator<Row[]> {
  let n = 0;
  for (const size of sizes) {
    yield Array.from({ length: size }, () => {
      n += 1;
      return row(n);
    });
  }
}

async function write(sizes: readonly number[]): Promise<{ file: ArrayBuffer; chunks: number }> {
  const chunks: Buffer[] = [];
  for await (const chunk of toParquet(pagesOf(sizes), COLUMNS, () => ({ rows: String(sizes.length) })))
    chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  return { file: new Uint8Array(whole).buffer, chunks: chunks.length };
}

test('every row comes back as it was, however the pages were cut', async () => {
  const { file, chunks } = await write([3, 0, 2_000, 997, 1_500]);
  // Two whole row groups, a last one and the end.
  expect(chunks).toBe(4);
  const rows = await parquetReadObjects({ file });
  expect(rows).toHaveLength(4_500);
  rows.forEach((read, i) => {
    const { n, name, at, body } = row(i + 1);
    expect(read).toEqual({ n: BigInt(n), share: n / 4, name, at: at === null ? null : new Date(at), body });
  });
});

test('no rows are a file with its columns, and the notes stand in it', async () => {
  const { file } = await write([0]);
  expect(await parquetReadObjects({ file })).toEqual([]);
  const { schema, key_value_metadata: notes } = parquetMetadata(file);
  expect(schema.slice(1).map(({ name }) => name)).toEqual(COLUMNS.map(({ name }) => name));
  expect(notes).toEqual([{ key: 'rows', value: '1' }]);
});
