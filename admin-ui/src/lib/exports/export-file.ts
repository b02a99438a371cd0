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

/** A file may still be copied to where somebody saved it: in the window that wrote it, it goes when it is older than this. */
const KEPT_MS = 3_600_000;

/** Null where the browser has no such folder for this page. */
export async function openExportFile(): Promise<ExportFile | null> {
  const folder = await privateFolder();
  if (!folder) return null;
  await removeOld();
  const name = `${PREFIX}${Date.now()}-${Math.random().toString(36).slice(2)}`;
  await hold(name);
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

/** Of all windows: whoever was signed in is not any more. What is being written is discarded by the window that writes it. */
export function removeExportFiles(): Promise<void> {
  return removeFiles(() => true);
}

/** What windows that are gone have left behind. */
export async function removeLeftExportFiles(): Promise<void> {
  const { held = [] } = (await navigator.locks?.query().catch(() => null)) ?? {};
  const names = new Set(held.map(({ name }) => name));
  await removeFiles(name => !names.has(name));
}

function removeOld(): Promise<void> {
  return removeFiles(name => Number(/^export-(\d+)-/.exec(name)?.[1]) < Date.now() - KEPT_MS);
}

/** Never throws: what cannot be removed now is removed with the next occasion. */
async function removeFiles(isUnwanted: (name: string) => boolean): Promise<void> {
  const folder = await privateFolder();
  if (!folder) return;
  const names: string[] = [];
  try {
    for await (const name of folder.keys()) names.push(name);
  } catch {
    return;
  }
  const unwanted = names.filter(name => name.startsWith(PREFIX) && isUnwanted(name));
  await Promise.all(unwanted.map(name => folder.removeEntry(name).catch(() => undefined)));
}

/** A lock of the file's name, which the browser lets go of with this window, however that ends. */
function hold(name: string): Promise<void> {
  return new Promise(resolve => {
    const forEver = () => {
      resolve();
      return new Promise(() => undefined);
    };
    void navigator.locks.request(name, forEver);
  });
}

function privateFolder(): Promise<FileSystemDirectoryHandle | null> {
  return navigator.storage?.getDirectory?.().catch(() => null) ?? Promise.resolve(null);
}

/** Has the browser save what it finds there. */
export function saveAs(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
