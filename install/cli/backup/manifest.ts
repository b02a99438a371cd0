import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { sha256Of } from '../release/unpack.ts';

/** What a backup says of itself: the first file in it. */
export interface BackupManifest {
  readonly format: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly version: string;
  readonly pbxId: string;
  /** Name of the last migration. */
  readonly schema: string | null;
  /** Rows of each table, as they are in the dump. */
  readonly rows: Readonly<Record<string, number>>;
  /** The log in Redis when the export began. */
  readonly log: Readonly<
    Partial<Record<Channel, { readonly epochs: string; readonly head: number; readonly entries: number }>>
  >;
  readonly hasSecrets: boolean;
  readonly files: readonly BackupFile[];
}

export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export const MANIFEST = 'manifest.json';
export const FILES = {
  database: 'database.dump',
  log: 'log.ndjson.gz',
  state: 'state.json',
  settings: 'settings.env',
  installation: 'install.env',
  anchors: 'audit-anchors.jsonl',
} as const;

export async function describeFiles(folder: string, names: readonly string[]): Promise<BackupFile[]> {
  return Promise.all(
    names.map(async name => {
      const path = join(folder, name);
      return { name, bytes: (await stat(path)).size, sha256: await sha256Of(path) };
    }),
  );
}

/** Reads the manifest of an unpacked backup and compares every file with it. @throws Error that names what differs */
export async function readManifest(folder: string): Promise<BackupManifest> {
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
  } catch (cause) {
    throw new Error('This is no backup of the relay: it has no manifest.', { cause });
  }
  if (manifest.format !== 1)
    throw new Error(`The backup has format ${manifest.format}, which this version cannot read.`);
  for (const file of manifest.files) {
    // Names come from the backup: none may lead out of its folder.
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(file.name)) throw new Error(`The backup names a file "${file.name}".`);
    const path = join(folder, file.name);
    const info = await stat(path).catch(() => null);
    if (!info) throw new Error(`The backup is not whole: ${file.name} is missing.`);
    if (info.size !== file.bytes || (await sha256Of(path)) !== file.sha256)
      throw new Error(`The backup is damaged: ${file.name} is not what the manifest says.`);
  }
  return manifest;
}
