import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const program = `
  import { createLogger } from '${new URL('./logger.ts', import.meta.url).href}';
  const logger = createLogger({ name: 'test', level: 'info' });
  process.stdin.once('data', () => {
    for (let i = 0; i < 100; i += 1) logger.info('nobody hears this');
    process.exit(7);
  });
  logger.info('ready');
`;

test('a process whose log nobody reads any more ends when it is told to', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.write('\n');
  const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000);
  expect(await exited).toEqual([7, null]);
  clearTimeout(deadline);
}, 15_000);

test('no secret is logged, whatever an error carries and however deep it is', async () => {
  const failing = `
    import axios from 'axios';
    import { createLogger } from '${new URL('./logger.ts', import.meta.url).href}';
    const logger = createLogger({ name: 'test', level: 'info' });
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_secret: 'Hidden-1' });
    const headers = { authorization: 'Bearer Hidden-2-of-a-token', 'x-api-key': 'Hidden-3' };
    const err = await axios.post('http://127.0.0.1:1/connect/token', form, { headers }).catch(error => error);
    logger.warn({ err }, 'refused');
    logger.warn({ what: { err: new Error('outer', { cause: err }) } }, 'refused again');
    logger.info({ a: { b: { c: { d: { password: 'Hidden-4' } } } }, url: 'redis://:Hidden-5@127.0.0.1' }, 'deep');
    logger.info('connects to postgres://relay:Hidden-6@127.0.0.1/relay');
    logger.warn({ err: new Error('no answer of redis://:Hidden-7@127.0.0.1') });
    logger.warn(new Error('no answer of redis://:Hidden-8@127.0.0.1'));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', failing], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  const lines = (await child.stdout.toArray()).join('').trim().split('\n');
  expect(lines.filter(line => line.includes('Hidden'))).toEqual([]);
  const [refused, again, deep, connects, ...alone] = lines.map(line => JSON.parse(line) as Record<string, unknown>);
  expect(refused).toMatchObject({ level: 'warn', msg: 'refused', err: { code: 'ECONNREFUSED' } });
  expect(again).toMatchObject({ what: { err: { message: 'outer', cause: { code: 'ECONNREFUSED' } } } });
  expect(deep).toMatchObject({ url: 'redis://[redacted]@127.0.0.1' });
  expect(connects?.msg).toBe('connects to postgres://[redacted]@127.0.0.1/relay');
  expect(alone.map(({ msg }) => msg)).toEqual(Array(2).fill('no answer of redis://[redacted]@127.0.0.1'));
}, 15_000);
