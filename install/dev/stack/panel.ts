import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../system/child.ts';
import { announce, succeed, warn } from '../terminal.js';

/**
 * Builds the panel when a source is newer than the build. It runs beside the product: nobody who waits for events
 * should wait for a page, and a panel that does not build keeps nothing else from running.
 */
export type PanelBuild = {
  /** It has ended: whether the panel is built. */
  done: Promise<boolean>;
  stop(): Promise<void>;
};

const stopDeadlineMs = 2_000;

export async function startPanelBuild(root: string, onSpawn: (pid: number) => void): Promise<PanelBuild | undefined> {
  const folder = join(root, 'admin-ui');
  if (!hasBuildScript(folder) || !isStale(folder)) return undefined;
  announce('building the panel in the background');
  const startedAt = Date.now();
  let output = '';
  const child = await startChild({
    command: 'npm',
    args: ['run', 'build', '--silent'],
    cwd: folder,
    output: chunk => {
      output = (output + chunk.toString()).slice(-4_000);
    },
  });
  onSpawn(child.pid);
  void child.exited.then(({ code, signal }) => {
    if (code === 0) succeed('panel', 'built', Date.now() - startedAt);
    else if (signal === null) {
      const reason = output.trim().split('\n').at(-1);
      warn(`the panel could not be built: ${reason}; "npm run build -w admin-ui" shows all of it`);
    }
  });
  return {
    done: child.exited.then(({ code }) => code === 0),
    stop: async () => void (await child.stop({ signal: 'SIGTERM', deadlineMs: stopDeadlineMs })),
  };
}

function hasBuildScript(folder: string): boolean {
  try {
    const manifest: { scripts?: { build?: unknown } } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return typeof manifest.scripts?.build === 'string';
  } catch {
    return false;
  }
}

const sources = [
  'src',
  'static',
  'package.json',
  'svelte.config.js',
  'vite.config.ts',
  '../shared/wire',
  '../shared/client',
];

function isStale(folder: string): boolean {
  const built = newestChange(join(folder, 'build'));
  return built === 0 || sources.some(source => newestChange(join(folder, source)) > built);
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
