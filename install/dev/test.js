#!/usr/bin/env node
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './bootstrap/packages.js';
import { generatePanelTypes } from './bootstrap/panel-types.js';
import { runNode24, runScript } from './bootstrap/run-node.js';
import { formatDuration, paint, say } from './terminal.js';

/**
 * `npm test`: brings what is missing, runs every suite (or the files named after `--`) and ends in one line.
 * TEST_REPORT=path keeps the runner's JSON report.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const IN_MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

await runScript(async () => {
  const startedAt = Date.now();
  await installPackages(root);
  await generatePanelTypes(root);
  if (process.env.TEST_INFRA !== 'containers') {
    const code = await runNode24(root, ['install/dev/prepare.ts']);
    if (code !== 0) return code;
  }
  const folder = mkdtempSync(join(temporaryFolder(), 'relay-'));
  // The servers among them run as somebody else.
  chmodSync(folder, 0o1777);
  const report = process.env.TEST_REPORT ?? join(folder, 'report.json');
  try {
    const code = await runNode24(
      root,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        ...['--config', 'test/vitest.config.ts'],
        ...['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${report}`],
        ...process.argv.slice(2),
      ],
      { env: { ...process.env, TMPDIR: folder } },
    );
    return conclude(code, readReport(report), Date.now() - startedAt);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/**
 * Nothing that a test writes outlives it: in memory, hundreds of databases and append files keep no disk busy.
 *
 * @returns {string}
 */
function temporaryFolder() {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize < ROOM_BYTES ? tmpdir() : IN_MEMORY;
  } catch {
    return tmpdir();
  }
}

/**
 * @typedef {{ status: string, assertionResults: { status: string }[] }} FileResult
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: FileResult[] }} Report
 */

/**
 * @param {string} path
 * @returns {Report | undefined}
 */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {number} code
 * @param {Report | undefined} report
 * @param {number} durationMs
 * @returns {number}
 */
function conclude(code, report, durationMs) {
  say();
  if (report === undefined) {
    say(`${paint('red', '✗')} the test run ended without a report (exit code ${code})`);
    return code || 1;
  }
  // A file that fails as a whole (it does not load, it leaves a process behind) counts as one failure.
  const failedFiles = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + failedFiles;
  const skipped = report.numPendingTests + report.numTodoTests;
  const counts = [
    `${report.numPassedTests} passed`,
    `${failed} failed`,
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ].join(', ');
  const isGood = code === 0;
  // The runner also fails for what no file counts, such as an unhandled error.
  const note = !isGood && failed === 0 ? ' (an error outside the tests, see above)' : '';
  say(`${isGood ? paint('green', '✓') : paint('red', '✗')} tests: ${counts}${note} in ${formatDuration(durationMs)}`);
  return code;
}
