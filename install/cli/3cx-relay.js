#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { isRecentNode } from '../dev/bootstrap/packages.js';
import { runNode24, runScript } from '../dev/bootstrap/run-node.js';

/** `npx 3cx-relay …` in this checkout. The program is TypeScript for Node 24; this much of it runs on any Node. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('main.ts', import.meta.url));

if (isRecentNode()) await import('./main.ts');
else await runScript(() => runNode24(root, [program, ...process.argv.slice(2)], { cwd: process.cwd() }));
