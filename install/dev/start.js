#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages } from './bootstrap/packages.js';
import { runNode24, runScript } from './bootstrap/run-node.js';
import { OperatorError } from './operator-error.js';

/**
 * `npm start`: the first stage runs on the machine's own Node with no package installed. It installs the packages and
 * hands over to stack.ts on Node 24.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const usage = 'Options: --watch (restart a service when its source changes), --only simulator.';

await runScript(async () => {
  const { watch, only } = readOptions();
  await installPackages(root);
  const program = only === 'simulator' ? 'install/dev/simulator.ts' : 'install/dev/stack.ts';
  return runNode24(root, [program, ...(watch ? ['--watch'] : [])], { channel: true });
});

function readOptions() {
  try {
    const { values } = parseArgs({ options: { watch: { type: 'boolean' }, only: { type: 'string' } } });
    if (values.only !== undefined && values.only !== 'simulator') {
      throw new Error(`Unknown value "${values.only}" of --only`);
    }
    return values;
  } catch (error) {
    const problem = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new OperatorError(`${problem}. ${usage}`, { exitCode: 2 });
  }
}
