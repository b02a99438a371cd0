import { appendFile, mkdtemp, open as openFile, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { Spool, type SpooledEntry } from './spool.ts';

let folder: string;
const path = () => join(folder, 'spool.jsonl');
const failAtOnce = (error: unknown) => {
  throw error;
};
const open = (onError: (error: unknown) => void = failAtOnce) => Spool.open({ folder, name: 'spool.jsonl', onError });
const entry = (writerSeq: number, more: Partial<SpooledEntry> = {}): SpooledEntry => ({
  channel: 'calls',
  writerId: 'w',
  writerSeq,
  entry: { type: 'call_event', at: writerSeq, body: `{"n":${writerSeq},"text":"ä\\n"}` },
  ...more,
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), '3cx-relay-test-spool-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function readAll(spool: Spool): Promise<SpooledEntry[][]> {
  await spool.settled();
  const batches: SpooledEntry[][] = [];
  for (;;) {
    const batch = await spool.read();
    if (!batch) return batches;
    spool.advance(batch);
    batches.push([...batch.entries]);
  }
}

describe('the spool', () => {
  test('gives back what was put in, in order, to the next process, too', async () => {
    const spool = await open();
    const all = Array.from({ length: 1_200 }, (_, i) => entry(i + 1));
    spool.add(all.slice(0, 700));
    spool.add(all.slice(700));
    await spool.stop();
    const again = await open();
    const batches = await readAll(again);
    expect(batches.flat()).toEqual(all);
    expect(Math.max(...batches.map(batch => batch.length))).toBe(500);
    await again.stop();
  });

  test('puts into one batch only what one append may take', async () => {
    const spool = await open();
    const all = [
      entry(1),
      entry(2),
      entry(1, { channel: 'errors' }),
      entry(3),
      entry(1, { writerId: 'other' }),
      entry(3, { writerId: 'other' }),
    ];
    spool.add(all);
    expect((await readAll(spool)).map(batch => batch.map(each => each.writerSeq))).toEqual([
      [1, 2],
      [1],
      [3],
      [1],
      [3],
    ]);
    await spool.stop();
  });

  test('cuts off a line that a crash tore, and skips one that is none', async () => {
    const spool = await open();
    spool.add([entry(1)]);
    await spool.stop();
    await appendFile(path(), 'nonsense\n');
    await appendFile(path(), '{"c":"calls","w":"w","n":2,"e":{"type":"call_ev');
    const again = await open();
    expect((await readAll(again)).flat()).toEqual([entry(1)]);
    expect(again.unreadableLines).toBe(1);
    again.add([entry(2)]);
    await again.stop();
    expect((await readFile(path(), 'utf8')).split('\n').at(-2)).toContain('"n":2');
  });

  test('whatever was cut off at its end by a crash, what stands before comes back whole', async () => {
    const whole = Array.from({ length: 5 }, (_, i) => entry(i + 1));
    const first = await open();
    first.add(whole);
    await first.stop();
    const text = await readFile(path());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: text.length }), async length => {
        await rm(path());
        await appendFile(path(), text.subarray(0, length));
        const spool = await open();
        const got = (await readAll(spool)).flat();
        await spool.stop();
        expect(got).toEqual(whole.slice(0, text.subarray(0, length).toString().split('\n').length - 1));
      }),
      { numRuns: 40 },
    );
  });

  test('reads a line that is longer than its buffer', async () => {
    const spool = await open();
    const long = entry(1, { entry: { type: 'x', at: 1, body: `{"x":"${'y'.repeat(3_000_000)}"}` } });
    spool.add([long, entry(2)]);
    expect((await readAll(spool)).flat()).toEqual([long, entry(2)]);
    await spool.stop();
  });

  test('a disk that keeps half of a write, and cannot be rid of it at once, costs no entry', async () => {
    const errors: unknown[] = [];
    const spool = await open(error => errors.push(error));
    spool.add([entry(1)]);
    await spool.settled();
    const file = await openFile(path());
    const calls = Object.getPrototypeOf(file) as typeof file;
    await file.close();
    const torn = vi.spyOn(calls, 'appendFile').mockImplementationOnce(async text => {
      await appendFile(path(), String(text).slice(0, 20));
      throw new Error('EIO');
    });
    const stuck = vi.spyOn(calls, 'truncate').mockRejectedValueOnce(new Error('EIO'));
    spool.add([entry(2)]);
    await waitFor(async () => (await stat(path())).size === spool.bytes, { what: 'the disk to take it' });
    torn.mockRestore();
    stuck.mockRestore();
    expect((await readAll(spool)).flat()).toEqual([entry(1), entry(2)]);
    expect(spool.unreadableLines).toBe(0);
    expect(errors).toHaveLength(1);
    await spool.stop();
  });

  test('is empty on disk after it was cleared, and keeps in memory what came meanwhile', async () => {
    const spool = await open();
    spool.add([entry(1)]);
    await readAll(spool);
    const clearing = spool.clear();
    spool.add([entry(2)]);
    await clearing;
    expect((await stat(path())).size).toBe(0);
    expect(spool.takeWaiting()).toEqual([entry(2)]);
    expect(spool.isEmpty).toBe(true);
    await spool.stop();
  });
});
