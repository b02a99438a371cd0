import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { runNode24 } from './run-node.js';

/**
 * SvelteKit generates the TypeScript settings that the panel's own extend. Without them neither a test that imports a
 * file of the panel nor a tool that reads its configuration works, so they are made once after an installation.
 *
 * @param {string} root
 * @returns {Promise<void>}
 */
export async function generatePanelTypes(root) {
  const panel = join(root, 'admin-ui');
  const tool = join(root, 'node_modules', '@sveltejs', 'kit', 'svelte-kit.js');
  if (!existsSync(tool) || !existsSync(join(panel, 'vite.config.ts'))) return;
  if (existsSync(join(panel, 'node_modules', '$app', 'tsconfig.json'))) return;
  const code = await runNode24(root, [tool, 'sync'], { cwd: panel });
  if (code !== 0)
    throw new OperatorError('The panel could not be prepared; "npx svelte-kit sync" in admin-ui says why.');
}
