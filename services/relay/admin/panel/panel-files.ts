import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/**
 * The built panel, whole in memory. A request is looked up by its exact name in a map, so no path can leave the folder.
 * The build has left each file's encodings beside it (`x.js.br`, `x.js.gz`), so neither a start nor a request compresses.
 *
 * It is read when it is asked for first: clients that come back to a relay that starts should not wait for a hundred
 * files. The page's modification time is compared whenever the page is asked for: a build that ends after the relay has
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
  /** Null where the build left none. */
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

const IMMUTABLE_FOLDER = '_app/immutable/';
const ENCODED = /\.(?:br|gz)$/;

const fromBrotli = promisify(brotliDecompress);
const fromGzip = promisify(gunzip);

export function createPanelFiles(folder: string, logger: Logger): PanelFiles {
  let current: Promise<Build | null> | null = null;

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
      current = current === null ? load(null) : current.then(load);
      return (await current)?.files.get(PAGE) ?? null;
    },
    async asset(name) {
      current ??= load(null);
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

async function readFolder(folder: string): Promise<Map<string, PanelFile>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const contents = new Map(
    await Promise.all(
      found
        .filter(entry => entry.isFile())
        .map(async entry => {
          const path = join(entry.parentPath, entry.name);
          return [relative(folder, path).replaceAll(sep, '/'), await readFile(path)] as const;
        }),
    ),
  );
  const names = [...contents.keys()].filter(name => !ENCODED.test(name));
  return new Map(await Promise.all(names.map(async name => [name, await toPanelFile(name, contents)] as const)));
}

async function toPanelFile(name: string, contents: ReadonlyMap<string, Buffer>): Promise<PanelFile> {
  const extension = /\.[a-z0-9]+$/i.exec(name)?.[0].toLowerCase() ?? '';
  const identity = contents.get(name) ?? Buffer.alloc(0);
  const [br, gzip] = await Promise.all([
    encodingOf(identity, contents.get(`${name}.br`), fromBrotli),
    encodingOf(identity, contents.get(`${name}.gz`), fromGzip),
  ]);
  return {
    extension,
    etag: createHash('sha256').update(identity).digest('base64url').slice(0, 22),
    isImmutable: name.startsWith(IMMUTABLE_FOLDER),
    identity,
    br,
    gzip,
    scriptHashes: extension === '.html' ? hashInlineScripts(identity.toString('utf8')) : [],
  };
}

/** Null when it is not there, not shorter, or of another content: of a file that was changed by hand, or half written. */
async function encodingOf(
  identity: Buffer,
  encoded: Buffer | undefined,
  decode: (encoded: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>,
): Promise<Buffer | null> {
  if (!encoded || encoded.length >= identity.length) return null;
  const decoded = await decode(encoded, { maxOutputLength: identity.length }).catch(() => null);
  return decoded?.equals(identity) ? encoded : null;
}

/** Of the file itself and not of what the build announced: a page that was changed by hand still runs. */
function hashInlineScripts(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  );
}
