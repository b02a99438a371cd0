import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { AppendBatch } from './append.ts';
import type { NewEntry } from './entry.ts';
import { LogWriter } from './log-writer.ts';

const APPEND_MS = 50;
const entry = (name: string): NewEntry => ({ type: 'call_event', at: 1, body: `{"name":"${name}"}` });

/** A writer whose appends take `APPEND_MS`, and the names in each batch that was begun. */
function openWriter({ maxRestMs }: { maxRestMs: number }) {
  const batches: string[][] = [];
  const writer = new LogWriter({
    channel: 'calls',
    writerId: 'w',
    maxRestMs,
    async append({ entries, firstWriterSeq }: AppendBatch) {
      batches.push(entries.map(({ body }) => JSON.parse(body).name));
      await delay(APPEND_MS);
      return { epoch: 'abcdefgh', lastSeq: firstWriterSeq + entries.length - 1, skipped: 0, beganEpoch: false };
    },
    onAppended: () => appended.shift()?.(),
  });
  const appended: (() => void)[] = [];
  const nextAppended = () => new Promise<void>(resolve => appended.push(resolve));
  const write = (...names: string[]) => {
    for (const name of names) writer.write(entry(name));
  };
  return { writer, batches, write, nextAppended };
}

test.each([
  { rest: 'a rest', maxRestMs: 1_000, begun: [['a'], ['b', 'c']] },
  { rest: 'no rest', maxRestMs: 0, begun: [['a'], ['b'], ['c']] },
])(
  'with $rest before what others waited behind, what comes soon after makes these batches: $begun',
  async ({ maxRestMs, begun }) => {
    const { writer, batches, write, nextAppended } = openWriter({ maxRestMs });
    write('a');
    await turn();
    write('b');
    await nextAppended();
    await turn();
    write('c');
    await writer.flush();
    expect(batches).toEqual(begun);
  },
);

test('whoever comes alone is written at once', async () => {
  const { writer, batches, write, nextAppended } = openWriter({ maxRestMs: 1_000 });
  write('a');
  await nextAppended();
  await turn();
  write('b');
  await turn();
  expect(batches).toEqual([['a'], ['b']]);
  await writer.flush();
});

test('a batch that is full waits for nobody', async () => {
  const { writer, batches, write, nextAppended } = openWriter({ maxRestMs: 1_000 });
  write('a');
  await turn();
  write(...Array.from({ length: 500 }, (_, i) => `b${i}`));
  await nextAppended();
  await turn();
  expect(batches.map(({ length }) => length)).toEqual([1, 500]);
  await writer.flush();
});
