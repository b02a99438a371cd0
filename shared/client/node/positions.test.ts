import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPositionKeeper } from '../position-keeper.ts';
import { localStoragePositions, memoryPositions } from '../position-store.ts';
import { filePositions } from './file-positions.ts';

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'positions-'));
  path = join(dir, 'positions.json');
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function createStorage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
}

test.each([
  ['memory', () => memoryPositions()],
  ['storage of a browser', () => localStoragePositions(createStorage(), 'relay')],
  ['a file', () => filePositions(path)],
])('%s keeps one position per channel', async (_name, create) => {
  const store = create();
  expect((await store.load('calls')) ?? null).toBeNull();
  await store.save('calls', 'a_1');
  await store.save('health', 'a_2');
  await store.save('calls', 'a_3');
  expect([await store.load('calls'), await store.load('health')]).toEqual(['a_3', 'a_2']);
});

test('the file is there for the next program, and for nobody else', async () => {
  await filePositions(path).save('calls', 'a_1');
  const next = filePositions(path);
  await next.save('health', 'a_2');
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ calls: 'a_1', health: 'a_2' });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test.each(['', 'null', '{"calls":1}', '["a"', '"text"'])('a file that holds %j is refused by name', async content => {
  await writeFile(path, content);
  await expect((async () => filePositions(path).load('calls'))()).rejects.toThrow(path);
});

test('positions are saved together after a while, the newest of each channel, and what is due at the end', async () => {
  const saved: string[] = [];
  const store = { load: () => null, save: (_: string, position: string) => void saved.push(position) };
  const keeper = createPositionKeeper(store, { saveEveryMs: 20, onError: () => undefined });
  for (const position of ['a_1', 'a_2', 'a_3']) keeper.moved('calls', position);
  expect(saved).toEqual([]);
  await expect.poll(() => saved).toEqual(['a_3']);
  keeper.moved('calls', 'a_4');
  await keeper.flush();
  expect(saved).toEqual(['a_3', 'a_4']);
});
