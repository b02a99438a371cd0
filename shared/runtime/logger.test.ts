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
