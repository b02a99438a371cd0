import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../system/command.ts';
import { announce, succeed, warn } from '../terminal.js';

const deadlineMs = 180_000;

/** Builds the panel when a source is newer than the build. A panel that does not build keeps nothing else from running. */
export async function buildPanelIfStale(root: string): Promise<void> {
  const folder = join(root, 'admin-ui');
  if (!hasBuildScript(folder) || !isStale(folder)) return;
  announce('building the panel');
  const startedAt = Date.now();
  const { code, output } = await runCommand('npm', ['run', 'build', '--silent'], {
    cwd: folder,
    timeoutMs: deadlineMs,
  });
  if (code === 0) succeed('panel', 'built', Date.now() - startedAt);
  else
    warn(
      `the panel could not be built; run "npm run build -w admin-ui" to see why (${output.trim().split('\n').at(-1)})`,
    );
}

function hasBuildScript(folder: string): boolean {
  try {
    const manifest: { scripts?: { build?: unknown } } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return typeof manifest.scripts?.build === 'string';
  } catch {
    return false;
  }
}

function isStale(folder: string): boolean {
  const built = newestChange(join(folder, 'build'));
  if (built === 0) return true;
  const sources = [
    'src',
    'static',
    'package.json',
    'svelte.config.js',
    'vite.config.ts',
    '../shared/wire',
    '../shared/client',
  ];
  return sources.some(source => newestChange(join(folder, source)) > built);
}

function newestChange(path: string): number {
  try {
    const stats = statSync(path);
    if (!stats.isDirectory()) return stats.mtimeMs;
    return readdirSync(path).reduce((newest, name) => Math.max(newest, newestChange(join(path, name))), 0);
  } catch {
    return 0;
  }
}
