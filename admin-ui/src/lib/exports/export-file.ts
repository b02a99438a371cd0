/**
 * A file that grows while it is received, on the disk of whoever exports: the browser keeps a private folder for each
 * site (OPFS). Of the ways to save a large export this is the one that every browser of today has, that shows progress,
 * needs no memory for what has come, and keeps what came when the connection breaks. `showSaveFilePicker` exists in some
 * browsers only; a plain link tells the page neither how far it is nor how it ended. Where there is no private folder
 * (a page without TLS has none) that link is what is left.
 */
export interface ExportFile {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Returns where the browser finds what was written. */
  finish(): Promise<string>;
  /** What was written is not wanted. */
  discard(): Promise<void>;
}

const PREFIX = 'export-';

/** A file may still be copied to where somebody saved it, or be another window's: it goes when it is older than this. */
const KEPT_MS = 3_600_000;

/** Null where the browser has no such folder for this page. */
export async function openExportFile(): Promise<ExportFile | null> {
  const folder = await navigator.storage?.getDirectory?.().catch(() => null);
  if (!folder) return null;
  await removeOld(folder);
  const name = `${PREFIX}${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const handle = await folder.getFileHandle(name, { create: true });
  const remove = () => folder.removeEntry(name).catch(() => undefined);
  if (!('createWritable' in handle)) {
    await remove();
    return null;
  }
  const writable = await handle.createWritable();
  return {
    write: bytes => writable.write(bytes),
    async finish() {
      await writable.close();
      return URL.createObjectURL(await handle.getFile());
    },
    async discard() {
      await writable.abort().catch(() => undefined);
      await remove();
    },
  };
}

async function removeOld(folder: FileSystemDirectoryHandle): Promise<void> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  const isOld = (name: string) => {
    const [, at] = /^export-(\d+)-/.exec(name) ?? [];
    return at !== undefined && Number(at) < Date.now() - KEPT_MS;
  };
  await Promise.all(names.filter(isOld).map(name => folder.removeEntry(name).catch(() => undefined)));
}

/** Has the browser save what it finds there. */
export function saveAs(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
