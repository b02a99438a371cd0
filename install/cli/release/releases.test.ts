import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReleases, type Releases } from './releases.ts';
import { compareMigrations } from './schema-fit.ts';

let prefix: string;
let releases: Releases;

beforeEach(() => {
  prefix = mkdtempSync(join(tmpdir(), 'releases-'));
  releases = openReleases(prefix);
});

afterEach(() => rmSync(prefix, { recursive: true, force: true }));

/** `day`: when it was installed. */
function install(version: string, day: number): void {
  mkdirSync(releases.pathOf(version), { recursive: true });
  const complete = join(releases.pathOf(version), '.complete');
  writeFileSync(complete, '');
  utimesSync(complete, day * 86_400, day * 86_400);
}

test('a link is changed whether it is there or not, and names a release relative to the prefix', () => {
  install('1.0.0', 1);
  install('1.1.0', 2);
  expect(releases.linked('current')).toBeNull();
  releases.point('current', '1.0.0');
  releases.point('current', '1.1.0');
  expect([releases.linked('current'), readlinkSync(join(prefix, 'current'))]).toEqual(['1.1.0', 'releases/1.1.0']);
});

test('what is not complete is no release, and goes', () => {
  install('1.0.0', 1);
  mkdirSync(releases.pathOf('1.1.0'));
  mkdirSync(releases.pathOf('.incoming-x'));
  releases.point('current', '1.1.0');
  expect([releases.linked('current'), releases.list()]).toEqual([null, ['1.0.0']]);
  expect(releases.removeIncomplete().toSorted()).toEqual(['.incoming-x', '1.1.0']);
  expect(existsSync(releases.pathOf('1.0.0'))).toBe(true);
});

test('the oldest go, but none that a link names', () => {
  for (const [n, version] of ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0'].entries()) install(version, n + 1);
  releases.point('current', '1.4.0');
  releases.point('previous', '1.0.0');
  expect(releases.prune(3)).toEqual(['1.1.0']);
  expect(releases.list()).toEqual(['1.0.0', '1.2.0', '1.3.0', '1.4.0']);
});

test('a migration that says that it only adds is none that forbids the way back', () => {
  const [from, to] = [join(prefix, 'from'), join(prefix, 'to')];
  for (const folder of [from, to]) mkdirSync(join(folder, 'shared/store/migrations'), { recursive: true });
  const write = (folder: string, name: string, sql: string) =>
    writeFileSync(join(folder, 'shared/store/migrations', `${name}.sql`), sql);
  for (const folder of [from, to]) write(folder, '0001_first', 'CREATE TABLE a ();');
  write(to, '0002_adds', "CREATE TABLE b ();\nINSERT INTO schema_additions (name) VALUES ('0002_adds');");
  write(to, '0003_changes', 'DROP TABLE a;');
  expect(compareMigrations(from, to)).toEqual({ added: ['0002_adds', '0003_changes'], breaking: ['0003_changes'] });
});
