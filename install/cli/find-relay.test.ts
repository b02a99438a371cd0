import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRelay } from './find-relay.ts';
import { readSettings } from './settings.ts';

const stackUrl = 'http://127.0.0.1:8099';
const nothing = { url: undefined, keyFile: undefined };
let dir: string;
let keyFile: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'find-relay-'));
  keyFile = join(dir, 'key');
  await writeFile(join(dir, 'stack.json'), JSON.stringify({ relayUrl: stackUrl, apiKey: 'of-the-stack' }));
  await writeFile(keyFile, 'of-the-file\n');
});

afterAll(() => rm(dir, { recursive: true, force: true }));

const settings = (more: Record<string, string> = {}) =>
  readSettings({ root: dir }, { RELAY_CONFIG_DIR: dir, RELAY_DATA_DIR: dir, ...more });

test('the running stack is found, with its key', () => {
  expect(findRelay(nothing, settings())).toEqual({ url: stackUrl, apiKey: 'of-the-stack' });
});

test('the key of the running stack goes to no other address', () => {
  expect(() => findRelay({ ...nothing, url: 'https://relay.example.com' }, settings())).toThrow('set API_KEY');
  expect(() => findRelay(nothing, settings({ RELAY_URL: 'http://127.0.0.1:8100' }))).toThrow('set API_KEY');
});

test('a file wins over the environment, and that over the stack', () => {
  const env = settings({ API_KEY: 'of-the-environment' });
  expect(findRelay(nothing, env).apiKey).toBe('of-the-environment');
  expect(findRelay({ ...nothing, keyFile }, env).apiKey).toBe('of-the-file');
});

test('what is no file of a key is refused, and not shown', async () => {
  const path = join(dir, 'other');
  await writeFile(path, 'secret line\nanother');
  const refusal = () => findRelay({ ...nothing, keyFile: path }, settings());
  expect(refusal).toThrow('must hold one key and nothing else');
  expect(refusal).not.toThrow('secret');
  expect(() => findRelay({ ...nothing, keyFile: join(dir, 'none') }, settings())).toThrow('cannot be read');
});

test('without anything that runs, the sentence says what to do', () => {
  expect(() => findRelay(nothing, settings({ RELAY_DATA_DIR: join(dir, 'none') }))).toThrow('run "npm start" first');
  expect(() => findRelay({ ...nothing, url: 'relay' }, settings())).toThrow('"relay" is not the URL of a relay');
});
