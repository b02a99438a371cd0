#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './bootstrap/packages.js';
import { generatePanelTypes } from './bootstrap/panel-types.js';
import { findNode24, runScript } from './bootstrap/run-node.js';
import { fail, formatDuration, paint, say, succeed } from './terminal.js';

/** `npm run check`: everything that can be known without running the product. All checks run, even if one fails. */
const root = fileURLToPath(new URL('../..', import.meta.url));

const checks = [
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'lint', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'] },
  { name: 'documents', args: ['install/dev/check-documents.ts'] },
  { name: 'dead code', args: ['node_modules/knip/bin/knip.js', '--no-progress'] },
  ...(hasScript('admin-ui', 'check')
    ? [{ name: 'panel', command: 'npm', args: ['run', 'check', '--silent', '-w', 'admin-ui'] }]
    : []),
];

await runScript(async () => {
  const startedAt = Date.now();
  await installPackages(root);
  await generatePanelTypes(root);
  const node = findNode24(root);
  const results = await Promise.all(checks.map(check => run(node, check)));
  const failed = results.filter(isGood => !isGood).length;
  const time = formatDuration(Date.now() - startedAt);
  say();
  if (failed === 0) say(`${paint('green', '✓')} checks: ${results.length} passed in ${time}`);
  else say(`${paint('red', '✗')} checks: ${results.length - failed} passed, ${failed} failed in ${time}`);
  return failed === 0 ? 0 : 1;
});

/**
 * @param {string} workspace
 * @param {string} script
 * @returns {boolean}
 */
function hasScript(workspace, script) {
  const manifest = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8'));
  return manifest.scripts?.[script] !== undefined;
}

/**
 * @param {string} node
 * @param {{ name: string, args: string[], command?: string }} check
 * @returns {Promise<boolean>}
 */
function run(node, { name, args, command = node }) {
  const startedAt = Date.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  child.stderr.on('data', chunk => {
    output += chunk;
  });
  return new Promise(resolve => {
    child.once('close', code => {
      if (code === 0) {
        succeed(name, 'clean', Date.now() - startedAt);
      } else {
        fail(`${name} ${paint('dim', formatDuration(Date.now() - startedAt))}`);
        say(output.trimEnd());
      }
      resolve(code === 0);
    });
  });
}
