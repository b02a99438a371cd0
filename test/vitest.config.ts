import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Unit tests stand beside their source; all projects share the real servers of the harness. */
export default defineConfig({
  test: {
    // Tests wait for processes and sockets, too: two workers leave a third of two cores idle, a fourth only takes turns.
    maxWorkers: 3,
    // Node runs the sources as it does in production, and keeps what it compiled; nothing here replaces a module.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    root: fileURLToPath(new URL('..', import.meta.url)),
    // A process for each file would spend more time on loading the same modules than on tests. What a file starts it
    // stops; modules keep no state from one file to the next.
    isolate: false,
    setupFiles: [fileURLToPath(new URL('./harness/after-each-file.ts', import.meta.url))],
    // Once for all projects: one Redis and one PostgreSQL for the whole run.
    globalSetup: [fileURLToPath(new URL('./harness/global-setup.ts', import.meta.url))],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{shared,services,install}/**/*.test.ts', 'test/{simulator,harness,bench}/**/*.test.ts'],
          // Some start processes and PostgreSQL, beside others that do.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/{integration,security}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: [fileURLToPath(new URL('./harness/panel-build.ts', import.meta.url))],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          // The long runs are for `npm run chaos` alone.
          include: [process.env.CHAOS === undefined ? 'test/chaos/*.test.ts' : 'test/chaos/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
