import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** `npm run test:install`: on machines with root and a Docker engine, beside the suites of `npm test`. */
export default defineConfig({
  test: {
    name: 'install',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/install/*.test.ts'],
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // A release brings the panel with it.
    globalSetup: [fileURLToPath(new URL('../harness/panel-build.ts', import.meta.url))],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 1_200_000,
    bail: 1,
  },
});
