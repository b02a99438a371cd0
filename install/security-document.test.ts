import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const document = readFileSync(join(root, 'install/SECURITY.md'), 'utf8');

const cited = [...document.matchAll(/`([\w/.-]+\.test\.ts)` “(.+?)” \|/g)].map(([, file = '', name = '']) => ({
  file,
  name,
}));

test('every test that the review names is there', () => {
  const gone = cited.filter(({ file, name }) => {
    const path = join(root, file);
    if (!existsSync(path)) return true;
    const names = readFileSync(path, 'utf8').replaceAll("\\'", "'");
    return !names.includes(`'${name}'`);
  });
  expect(gone).toEqual([]);
  expect(cited.length).toBeGreaterThan(60);
});

test('no row names a test in a form that would not be looked up', () => {
  const rows = document.split('\n').filter(line => line.startsWith('|') && line.includes('.test.ts'));
  expect(rows).toHaveLength(cited.length);
});

test('every file of the code that it names is there', () => {
  const named = [...document.matchAll(/`((?:services|shared|install|test)\/[\w/.-]+)`/g)].map(([, path = '']) => path);
  expect(named.filter(path => !existsSync(join(root, path)))).toEqual([]);
});

test('every chapter of the standard is there, or said not to apply', () => {
  const chapters = Array.from({ length: 17 }, (_, index) => `V${index + 1}`);
  expect(
    chapters.filter(chapter => !new RegExp(`^(### ${chapter} |${chapter} does not apply)`, 'm').test(document)),
  ).toEqual([]);
});
