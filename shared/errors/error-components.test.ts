import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ERROR_COMPONENTS } from '../wire/error-components.ts';
import { COMPONENT_NAMES } from '../wire/operation-messages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** `announce(…, { component: 'log' })`, `logError('log', …)` and a constant that either is given. */
const WRITTEN = /\b(?:component: |logError\(|COMPONENT = )'(\w+)'/g;

test('every component that errors are written of can be chosen', async () => {
  const written = new Set<string>(COMPONENT_NAMES);
  for await (const file of glob('{services,shared}/**/*.ts', { cwd: root, exclude: ['**/node_modules/**'] })) {
    if (file.endsWith('.test.ts')) continue;
    const text = await readFile(`${root}/${file}`, 'utf8');
    for (const [, name = ''] of text.matchAll(WRITTEN)) written.add(name);
  }
  expect(written.size).toBeGreaterThan(10);
  expect([...written].filter(name => !(ERROR_COMPONENTS as readonly string[]).includes(name))).toEqual([]);
});
