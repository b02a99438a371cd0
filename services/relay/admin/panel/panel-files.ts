import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip, constants as zlib } from 'node:zlib';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/**
 * The built panel, whole in memory. A request is looked up by its exact name in a map, so no path can leave the folder,
 * and every encoding is prepared once, so only the first request of a file costs CPU.
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

type Build = { readonly pageWrittenMs: number; readonly files: ReadonlyMap<string, () => Promise<PanelFile>> };

const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.json', '.svg', '.txt', '.webmanifest']);
const MIN_COMPRESSED_BYTES = 512;
const IMMUTABLE_FOLDER = '_app/immutable/';
const BROTLI_QUALITY = 9;

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
      return (await (await current)?.files.get(PAGE)?.()) ?? null;
    },
    async asset(name) {
      return (await (await current)?.files.get(name)?.()) ?? null;
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

async function readFolder(folder: string): Promise<Build['files']> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = await Promise.all(
    found
      .filter(entry => entry.isFile())
      .map(async entry => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path).replaceAll(sep, '/');
        return [name, prepareOnce(name, await readFile(path))] as const;
      }),
  );
  return new Map(files);
}

/**
 * When it is first asked for. All at the start they would queue up in Node's few threads, and whoever signs in to
 * PostgreSQL or checks a password meanwhile, which needs them too, would wait behind them until his time is over.
 */
function prepareOnce(name: string, identity: Buffer): () => Promise<PanelFile> {
  let prepared: Promise<PanelFile> | undefined;
  return () => (prepared ??= prepare(name, identity));
}

async function prepare(name: string, identity: Buffer): Promise<PanelFile> {
  const extension = /\.[a-z0-9]+$/i.exec(name)?.[0].toLowerCase() ?? '';
  const isCompressible = COMPRESSIBLE.has(extension) && identity.length >= MIN_COMPRESSED_BYTES;
  const [br, gz] = isCompressible
    ? await Promise.all([
        toBrotli(identity, { params: { [zlib.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
        toGzip(identity, { level: 9 }),
      ])
    : [null, null];
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

/** Of the file itself and not of what the build announced: a page that was changed by hand still runs. */
function hashInlineScripts(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  );
}
