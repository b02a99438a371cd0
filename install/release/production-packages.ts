import { posix } from 'node:path';

/**
 * What production needs of a lock file: the workspaces that are shipped and every package that can be reached from
 * their dependencies. The lock file's own `dev` marks are not enough, because panel and tests are workspaces, too, and
 * have ordinary dependencies.
 */
export interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** Fields of the root's package.json that a release keeps. */
const MANIFEST_FIELDS = ['name', 'version', 'description', 'private', 'type', 'license', 'engines'] as const;

/**
 * @param workspaces folders, such as `services/relay`
 * @returns the keys of the lock file to keep, sorted: the workspaces, their links, and `node_modules/…` folders
 * @throws Error when a package that is needed is not locked
 */
export function findProductionPackages(lock: LockFile, workspaces: readonly string[]): string[] {
  const found = new Set<string>();
  const waiting = [...workspaces];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const entry = lock.packages[path];
    if (!entry) throw new Error(`${path} is not in the lock file`);
    // A workspace is two entries: the link by its name, and its folder.
    if (entry.link && entry.resolved !== undefined) waiting.push(entry.resolved);
    for (const { name, isOptional } of dependenciesOf(entry)) {
      const location = locate(lock, path, name);
      if (location !== null) waiting.push(location);
      else if (!isOptional) throw new Error(`${path} needs ${name}, which is not in the lock file`);
    }
  }
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.link && entry.resolved !== undefined && workspaces.includes(entry.resolved)) found.add(path);
  }
  return [...found].sort();
}

/** A lock file that fits `toProductionManifest`, so that `npm ci` accepts the two together. */
export function toProductionLock(lock: LockFile, manifest: Manifest, kept: readonly string[]): object {
  const packages = Object.fromEntries(
    kept.map(path => {
      const { devDependencies: _, dev: __, ...entry } = lock.packages[path] as LockedPackage & Record<string, unknown>;
      return [path, entry];
    }),
  );
  const { name, version } = manifest;
  return { name, version, lockfileVersion: 3, requires: true, packages: { '': manifest, ...packages } };
}

export function toProductionManifest(manifest: Manifest, workspaces: readonly string[]): Manifest {
  const kept = Object.fromEntries(MANIFEST_FIELDS.map(field => [field, manifest[field]]));
  return { ...kept, name: manifest.name, version: manifest.version, workspaces: [...workspaces] };
}

function dependenciesOf(entry: LockedPackage): { name: string; isOptional: boolean }[] {
  const optional = Object.keys(entry.optionalDependencies ?? {});
  const peers = Object.keys(entry.peerDependencies ?? {}).map(name => ({
    name,
    isOptional: entry.peerDependenciesMeta?.[name]?.optional ?? false,
  }));
  return [
    ...Object.keys(entry.dependencies ?? {}).map(name => ({ name, isOptional: optional.includes(name) })),
    ...optional.map(name => ({ name, isOptional: true })),
    ...peers.filter(peer => !peer.isOptional),
  ];
}

/** As Node looks for it: in the package's own folder, then outwards. */
function locate(lock: LockFile, from: string, name: string): string | null {
  for (let folder = from; ; folder = parentOf(folder)) {
    const candidate = posix.join(folder, 'node_modules', name);
    if (lock.packages[candidate]) return candidate;
    if (folder === '') return null;
  }
}

function parentOf(folder: string): string {
  const parent = posix.dirname(folder);
  return parent === '.' ? '' : parent;
}
