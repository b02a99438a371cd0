import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepProjectName } from './docker.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'docker-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a data folder keeps its containers, another one gets others', () => {
  const first = keepProjectName(join(dir, 'first'));

  expect(keepProjectName(join(dir, 'first'))).toBe(first);
  expect(keepProjectName(join(dir, 'second'))).not.toBe(first);
  expect(first).toMatch(/^3cx-relay-[0-9a-f]{12}$/);
});
