import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEnvironment, readPort } from './environment.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'environment-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('the environment of the process wins over .env, and an empty value counts as absent', () => {
  writeFileSync(join(root, '.env'), 'FQDN=pbx.example.com\nPORT=9000\nCLIENT_ID=from-file\n');

  const environment = readEnvironment(root, { PORT: '9001', CLIENT_ID: '' });

  expect(environment).toEqual({ FQDN: 'pbx.example.com', PORT: '9001', CLIENT_ID: 'from-file' });
});

test('without .env the environment of the process is all', () => {
  expect(readEnvironment(root, { PORT: '9001' })).toEqual({ PORT: '9001' });
});

test.each(['0', '65536', '80.5', 'http'])('PORT=%s is refused with what would be right', text => {
  expect(() => readPort({ PORT: text }, { key: 'PORT', fallback: 8082 })).toThrow(
    `PORT is "${text}", but a port is a whole number from 1 to 65535.`,
  );
});

test('a port that is not set is the default', () => {
  expect(readPort({}, { key: 'PORT', fallback: 8082 })).toBe(8082);
});
