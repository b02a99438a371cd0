import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identifyProcess } from '@3cx-relay/shared/runtime/process-identity.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockSpoolFolder } from './spool-lock.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-lock-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = fileURLToPath(new URL('./spool-lock.ts', import.meta.url));

/** Another process that takes the lock and keeps it. */
async function holder() {
  const script = `
    const { lockSpoolFolder } = await import(${JSON.stringify(MODULE)});
    lockSpoolFolder(${JSON.stringify(folder)});
    console.log('held');
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a second ingest is told the folder, who holds it and what to do', () => {
  const lock = lockSpoolFolder(folder);
  expect(() => lockSpoolFolder(folder)).toThrow(
    new RegExp(`${folder} is in use by another ingest \\(pid ${process.pid} since .*kill ${process.pid}.*SPOOL_DIR`),
  );
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  lockSpoolFolder(folder).release();
});

test('a live process keeps the folder, a killed one leaves it to the next', async () => {
  const child = await holder();
  try {
    expect(() => lockSpoolFolder(folder)).toThrow(`pid ${child.pid}`);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const lock = lockSpoolFolder(folder);
  expect(readLock()).toMatchObject({ pid: process.pid });
  lock.release();
});

test('a process that only has the id of the dead one is not taken for it', () => {
  writeFileSync(join(folder, 'ingest.lock'), JSON.stringify({ pid: process.pid, identity: 'of another time' }));
  const lock = lockSpoolFolder(folder);
  expect(readLock()).toMatchObject({ identity: identifyProcess(process.pid) });
  lock.release();
});

test('a lock that the disk tore is taken over', () => {
  writeFileSync(join(folder, 'ingest.lock'), '{"pid":');
  lockSpoolFolder(folder).release();
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that cannot be made is named', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => lockSpoolFolder(join(file, 'spool'))).toThrow(`${join(file, 'spool')} cannot be used: set SPOOL_DIR`);
});

function readLock(): unknown {
  return JSON.parse(readFileSync(join(folder, 'ingest.lock'), 'utf8'));
}
