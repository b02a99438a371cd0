import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identifyProcess } from '../../../shared/runtime/process-identity.ts';
import { endLeftovers } from './leftovers.ts';
import { acquireLock } from './lock.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, 'lock');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a second launcher is told who holds the lock, and the lock is free after release', () => {
  const lock = acquireLock(path);

  expect(() => acquireLock(path)).toThrow(`already running (pid ${process.pid})`);

  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  acquireLock(path).release();
});

test('a lock of a process that is gone is taken over, also when its id belongs to another process now', () => {
  const dead = { pid: process.pid, identity: 'started at another time', startedAt: '', children: [] };
  writeFileSync(path, JSON.stringify(dead));

  const lock = acquireLock(path);

  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ identity: identifyProcess(process.pid) });
  lock.release();
});

test('a lock that is no JSON is taken over', () => {
  writeFileSync(path, '{"pid":');

  acquireLock(path).release();

  expect(existsSync(path)).toBe(false);
});

test('what a dead launcher left running is ended, and a process that only has the same id is spared', async () => {
  const [left, innocent] = [1, 2].map(() => spawn('sleep', ['60'], { detached: true }));
  if (left?.pid === undefined || innocent?.pid === undefined) throw new Error('sleep did not start');
  const ended = once(left, 'exit');
  const children = [
    { name: 'relay', pid: left.pid, identity: identifyProcess(left.pid) },
    { name: 'worker', pid: innocent.pid, identity: 'started at another time' },
  ];
  writeFileSync(path, JSON.stringify({ pid: 0, identity: '', startedAt: '', children }));

  const lock = acquireLock(path);
  await endLeftovers(lock.leftovers);

  expect(await ended).toEqual([null, 'SIGTERM']);
  expect(identifyProcess(innocent.pid)).toBeDefined();
  innocent.kill('SIGKILL');
  lock.release();
});

test('a start that is killed during its clean-up does not forget what was left', () => {
  const children = [{ name: 'redis', pid: 4_000_000, identity: '1' }];
  writeFileSync(path, JSON.stringify({ pid: 0, identity: '', startedAt: '', children }));

  acquireLock(path);

  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ children });
});
