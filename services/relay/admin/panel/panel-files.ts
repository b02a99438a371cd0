import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip, constants as zlib } from 'node:zlib';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/**
 * The built panel, whole in memory. A request is looked up by its exact name in a map, so no path can leave the folder,
 * and every encoding is prepared once, so a request costs no CPU.
 *
 * The page's modification time is compared whenever the page is asked for: a build that ends after the relay has
 * started (the launcher runs both at once) or a later one is taken up without a restart. Until a new page is there the
 * old one is served, for a build begins by emptying its folder and writes the page last.
 */
export interface PanelFile {
  /** With its dot: `.html`. */
  readonly extension: string;
  readonly etag: string;
  /** Its name holds a hash of its content, so that it may be kept for ever. */
  readonly isImmutable: boolean;
  readonly identity: Buffer;
  /** Null where compressing does not pay. */
  readonly br: Buffer | null;
  readonly gzip: Buffer | null;
  /** `'sha256-…'` of each inline script; empty for what is not a page. */
  readonly scriptHashes: readonly string[];
}

export interface PanelFiles {
  /** Null while there is no build. */
  page(): Promise<PanelFile | null>;
  /** `name` is relative to the folder, with slashes. */
  asset(name: string): Promise<PanelFile | null>;
}

export const PAGE = 'index.html';

type Build = { readonly pageWrittenMs: number; readonly files: ReadonlyMap<string, PanelFile> };

const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.json', '.svg', '.txt', '.webmanifest']);
const MIN_COMPRESSED_BYTES = 512;
const IMMUTABLE_FOLDER = '_app/immutable/';
const BROTLI_QUALITY = 9;
/** A window of so many bits holds so many bytes less (RFC 7932, 9.1). */
const BROTLI_WINDOW_GAP = 16;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify(gzip);

/** Begins to read at once; whoever asks meanwhile waits for it. */
export function createPanelFiles(folder: string, logger: Logger): PanelFiles {
  let current = load(null);

  async function load(previous: Build | null): Promise<Build | null> {
    const pageWrittenMs = await modifiedMs(join(folder, PAGE));
    if (pageWrittenMs === null || pageWrittenMs === previous?.pageWrittenMs) return previous;
    try {
      const build = { pageWrittenMs, files: await readFolder(folder) };
      logger.info({ folder, files: build.files.size }, 'panel: loaded');
      return build;
    } catch (err) {
      logger.warn({ err, folder }, 'panel: the build cannot be read; the next request tries again');
      return previous;
    }
  }

  return {
    async page() {
      // Chained, not started beside: two requests must not read the folder twice.
      current = current.then(load);
      return (await current)?.files.get(PAGE) ?? null;
    },
    async asset(name) {
      return (await current)?.files.get(name) ?? null;
    },
  };
}

async function modifiedMs(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return null;
  }
}

/**
 * One after the other: compressing runs on the few threads that Node.js has for everything, and PostgreSQL's sign-in is
 * computed there, too. A hundred files at once kept every new connection to it waiting for seconds on a busy machine.
 */
async function readFolder(folder: string): Promise<Map<string, PanelFile>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, PanelFile>();
  for (const entry of found) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).replaceAll(sep, '/');
    files.set(name, await prepare(name, await readFile(path)));
  }
  return files;
}

async function prepare(name: string, identity: Buffer): Promise<PanelFile> {
  const extension = /\.[a-z0-9]+$/i.exec(name)?.[0].toLowerCase() ?? '';
  const isCompressible = COMPRESSIBLE.has(extension) && identity.length >= MIN_COMPRESSED_BYTES;
  const br = isCompressible ? await toBrotli(identity, { params: brotliFor(identity.length) }) : null;
  const gz = isCompressible ? await toGzip(identity, { level: 9 }) : null;
  return {
    extension,
    etag: createHash('sha256').update(identity).digest('base64url').slice(0, 22),
    isImmutable: name.startsWith(IMMUTABLE_FOLDER),
    identity,
    br,
    gzip: gz,
    scriptHashes: extension === '.html' ? hashInlineScripts(identity.toString('utf8')) : [],
  };
}

/** The window is no larger than the file: clearing the usual one costs a hundred small files fifteen times their work. */
function brotliFor(bytes: number): Record<number, number> {
  const windowBits = Math.ceil(Math.log2(bytes + BROTLI_WINDOW_GAP));
  return {
    [zlib.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [zlib.BROTLI_PARAM_LGWIN]: Math.min(zlib.BROTLI_DEFAULT_WINDOW, Math.max(zlib.BROTLI_MIN_WINDOW_BITS, windowBits)),
  };
}

/** Of the file itself and not of what the build announced: a page that was changed by hand still runs. */
function hashInlineScripts(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  );
}
