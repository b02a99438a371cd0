import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSecrets } from './secrets.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('secrets are made once, readable by their owner only, and the same at every start', () => {
  const path = join(folder, 'secrets.json');
  const first = openSecrets(path);
  first.remember({ apiKey: '3cxr_00' });

  const second = openSecrets(path);

  expect(second.current).toEqual(first.current);
  expect(second.current.apiKey).toBe('3cxr_00');
  expect(second.current.adminSecret.length).toBeGreaterThanOrEqual(32);
  // 128 bits.
  expect(second.current.adminPassword).toMatch(/^[0-9a-f]{32}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a damaged file is not silently replaced', () => {
  const path = join(folder, 'secrets.json');
  writeFileSync(path, '{"adminSecret":');

  expect(() => openSecrets(path)).toThrow('restore it, or delete it');
});
