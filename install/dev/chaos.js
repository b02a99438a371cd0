#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { installPackages } from './bootstrap/packages.js';
import { runNode24, runScript } from './bootstrap/run-node.js';

/** `npm run chaos`: brings what is missing, then plays the faults of test/chaos and prints what became of each. */
const root = fileURLToPath(new URL('../..', import.meta.url));

await runScript(async () => {
  await installPackages(root);
  const code = await runNode24(root, ['install/dev/prepare.ts']);
  return code === 0 ? runNode24(root, ['test/chaos/main.ts', ...process.argv.slice(2)]) : code;
});
