import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createPasswordHash } from './password-hash.ts';

test('a hash verifies its own text and no other', async () => {
  const bcrypt = createPasswordHash({ cost: 4 });
  const hash = await bcrypt.hash('correct horse');
  expect(hash).toMatch(/^\$2b\$04\$/);
  expect(await bcrypt.verify('correct horse', hash)).toBe(true);
  expect(await bcrypt.verify('correct hors', hash)).toBe(false);
  expect(await bcrypt.verify('correct horse', 'not a hash')).toBe(false);
  await bcrypt.stop();
});

test('the event loop goes on while bcrypt computes at cost 12', async () => {
  const bcrypt = createPasswordHash();
  await bcrypt.hash('warm up');
  let longestMs = 0;
  let lastAt = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastAt);
    lastAt = performance.now();
  }, 5);
  await bcrypt.hash('correct horse');
  clearInterval(timer);
  expect(longestMs).toBeLessThan(150);
  await bcrypt.stop();
});

test('more requests than the queue holds are refused at once, the others are answered', async () => {
  const bcrypt = createPasswordHash({ cost: 4, maxWaiting: 2 });
  const requests = [bcrypt.hash('a'), bcrypt.hash('b')];
  await expect(bcrypt.hash('c')).rejects.toMatchObject({ code: 'BCRYPT_BUSY' });
  expect(await Promise.all(requests)).toHaveLength(2);
  expect(await bcrypt.hash('d')).toMatch(/^\$2b\$/);
  await bcrypt.stop();
});

test('stopping rejects what waits and what comes later', async () => {
  const bcrypt = createPasswordHash();
  const waiting = expect(bcrypt.hash('a')).rejects.toMatchObject({ code: 'BCRYPT_STOPPED' });
  await bcrypt.stop();
  await waiting;
  await expect(bcrypt.hash('b')).rejects.toMatchObject({ code: 'BCRYPT_STOPPED' });
});

test('an idle thread does not keep a process from ending', async () => {
  const file = new URL('./password-hash.ts', import.meta.url).href;
  const program = `const { createPasswordHash } = await import('${file}');
    console.log(await createPasswordHash({ cost: 4 }).hash('a'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 10_000,
  });
  expect(stdout).toMatch(/^\$2b\$04\$/);
});
