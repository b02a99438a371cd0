import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** The workspaces a release ships; the panel comes built, and tests not at all. */
export const WORKSPACES = ['install/cli', 'services/ingest', 'services/relay', 'services/worker', 'shared'] as const;

/** Whole, where they exist. What the command line uses of the launcher comes by its imports. */
const SHIPPED = [
  ...WORKSPACES,
  'admin-ui/build',
  'install/install.sh',
  'install/steps',
  'install/systemd',
  'install/nginx',
  'install/grafana',
  'install/prometheus',
  'install/CHANGELOG.md',
  'install/UPGRADING.md',
  'install/OPERATING.md',
  'install/SCALING.md',
  'install/SECURITY.md',
  '.env.example',
  'README.md',
];
const SKIPPED_FOLDERS = new Set(['node_modules', '.svelte-kit']);
const SOURCE = /\.[jt]s$/;
const IMPORT = /(?:\bfrom|\bimport\(?|new URL\()\s*['"](\.{1,2}\/[^'"]+\.(?:ts|js))['"]/g;

/**
 * The files of a release, relative to the root of the checkout and sorted. Tests stay behind, and so does what only
 * they use: a file that imports from `test/`.
 *
 * @throws Error when a file that is shipped imports one that is not there
 */
export function listReleaseFiles(root: string): string[] {
  const files = new Set(SHIPPED.flatMap(path => listFiles(root, path)).filter(path => !isForTests(root, path)));
  const waiting = [...files];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const imported of importsOf(root, file)) {
      if (files.has(imported)) continue;
      if (imported.startsWith('test/')) throw new Error(`${file} is part of a release and imports ${imported}`);
      files.add(imported);
      waiting.push(imported);
    }
  }
  return [...files].sort();
}

function listFiles(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path), { withFileTypes: true }).flatMap(entry => {
      const inside = `${path}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listFiles(root, inside);
      return [inside];
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTDIR') return [path];
    if (code === 'ENOENT') return [];
    throw error;
  }
}

function isForTests(root: string, path: string): boolean {
  if (/\.test\.[jt]s$/.test(path)) return true;
  return importsOf(root, path).some(imported => imported.startsWith('test/'));
}

/** Relative ones of sources, also those of worker threads (`new URL('./x.ts', import.meta.url)`). */
function importsOf(root: string, path: string): string[] {
  if (!SOURCE.test(path) || path.startsWith('admin-ui/')) return [];
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(IMPORT)].map(([, specifier = '']) =>
    relative(root, resolve(root, dirname(path), specifier)),
  );
}
