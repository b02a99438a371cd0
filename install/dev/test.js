#!/usr/bin/env node
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

await runScript(async () => {
  const startedAt = Date.now();
  await installPackages(root);
  await generatePanelTypes(root);
  if (process.env.TEST_INFRA !== 'containers') {
    const code = await runNode24(root, ['install/dev/prepare.ts']);
    if (code !== 0) return code;
  }
  const folder = mkdtempSync(join(tmpdir(), '3cx-relay-report-'));
  const report = process.env.TEST_REPORT ?? join(folder, 'report.json');
  try {
    const code = await runNode24(root, [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...['--config', 'test/vitest.config.ts'],
      ...['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${report}`],
      ...process.argv.slice(2),
    ]);
    return conclude(code, readReport(report), Date.now() - startedAt);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

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
