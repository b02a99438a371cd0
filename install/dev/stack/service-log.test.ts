import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openServiceLog, readLogLine, rotateLog } from './service-log.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-log-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('warnings and errors are shown with their cause, information is not', () => {
  expect(readLogLine('{"level":"info","msg":"started"}')).toBeUndefined();
  expect(readLogLine('{"level":30,"msg":"started"}')).toBeUndefined();
  expect(readLogLine('{"level":"warn","msg":"no answer","err":{"message":"ECONNREFUSED"}}')).toEqual({
    text: 'no answer (ECONNREFUSED)',
    isError: false,
  });
  expect(readLogLine('{"level":60,"msg":"gave up"}')).toEqual({ text: 'gave up', isError: true });
});

test('the words of a crashing runtime are an error, other output is not', () => {
  expect(readLogLine('TypeError: x is not a function')).toMatchObject({ isError: true });
  expect(readLogLine('    at file:///x.ts:1:1')).toBeUndefined();
});

test('a line that arrives in two pieces is one line, and the last problem is remembered', () => {
  const log = openServiceLog({ name: 'relay', path: join(folder, 'relay.log'), isQuiet: () => true });

  log.write(Buffer.from('{"level":"error","ms'));
  expect(log.lastWords()).toBeUndefined();
  log.write(Buffer.from('g":"half"}\n'));

  expect(log.lastWords()).toBe('half');
  log.close();
});

test('a log past its size makes room and one older generation stays', () => {
  const path = join(folder, 'relay.log');
  writeFileSync(path, Buffer.alloc(10 * 1024 * 1024, 'x'));
  rotateLog(path);
  writeFileSync(path, 'new');
  rotateLog(path);

  expect(statSync(`${path}.1`).size).toBe(10 * 1024 * 1024);
  expect(readFileSync(path, 'utf8')).toBe('new');
});
