import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { arePackagesCurrent } from './packages.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'packages-'));
  mkdirSync(join(root, 'node_modules'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, packages: Record<string, object>): void {
  writeFileSync(join(root, path), JSON.stringify({ packages }));
}

test('packages are current when npm recorded the versions of the lock file', () => {
  write('package-lock.json', {
    '': {},
    'services/relay': { version: '0.1.0' },
    'node_modules/@3cx-relay/relay': { link: true },
    'node_modules/ws': { version: '8.0.0' },
    'node_modules/for-another-platform': { version: '1.0.0', optional: true },
  });
  write('node_modules/.package-lock.json', {
    'node_modules/@3cx-relay/relay': { link: true },
    'node_modules/ws': { version: '8.0.0' },
  });

  expect(arePackagesCurrent(root)).toBe(true);
});

test('another version in the lock file, a new package, or no packages at all mean: install', () => {
  expect(arePackagesCurrent(root)).toBe(false);

  write('node_modules/.package-lock.json', { 'node_modules/ws': { version: '8.0.0' } });
  write('package-lock.json', { 'node_modules/ws': { version: '8.0.1' } });
  expect(arePackagesCurrent(root)).toBe(false);

  write('package-lock.json', { 'node_modules/ws': { version: '8.0.0' }, 'node_modules/pg': { version: '8.0.0' } });
  expect(arePackagesCurrent(root)).toBe(false);
});
