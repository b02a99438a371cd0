import type { Context, Middleware } from 'koa';
import { ProblemError } from '../../public/problem-error.ts';
import type { RelayState } from '../../public/require-permission.ts';
import { PAGE, type PanelFile, type PanelFiles } from './panel-files.ts';

const PREFIX = '/admin/';
const LOOK_AGAIN_S = 2;

/**
 * The panel under `/admin/`. It answers only names that the build has and passes everything else on, so that the admin
 * API lives under the same path. The page routes by the part after `#`: one page serves every view.
 */
export function servePanel(files: PanelFiles): Middleware<RelayState> {
  return async (context, next) => {
    const { path, method } = context;
    if (method !== 'GET' && method !== 'HEAD') return next();
    // Relative to the request, so that it holds behind any prefix a proxy puts before it.
    if (path === '/admin') return context.redirect('admin/');
    if (!path.startsWith(PREFIX)) return next();
    const name = path.slice(PREFIX.length);
    const isPage = name === '' || name === PAGE;
    const file = isPage ? await files.page() : await files.asset(name);
    if (file) return answer(context, file);
    if (!isPage) return next();
    sayThatItIsNotBuilt(context);
  };
}

/** At the very first start it is being built beside the relay. A browser looks again by itself. */
function sayThatItIsNotBuilt(context: Context): void {
  const hint = 'if it stays so, run "npm run build -w admin-ui" and see what it says';
  if (context.accepts('json', 'html') !== 'html') {
    throw new ProblemError('unavailable', `the panel is not there yet: it is being built; ${hint}`);
  }
  context.status = 503;
  context.set('retry-after', String(LOOK_AGAIN_S));
  context.set('cache-control', 'no-store');
  context.set('content-security-policy', "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
  context.type = 'html';
  context.body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${LOOK_AGAIN_S}">
<title>3CX Relay: the panel is being built</title>
<h1>The panel is being built</h1>
<p>That takes some ten seconds at the first start. This page looks again by itself, and the relay works meanwhile.
<p>If it stays so, run <code>npm run build -w admin-ui</code> and see what it says.
</html>
`;
}

function answer(context: Context, file: PanelFile): void {
  const { body, encoding } = pickEncoding(context, file);
  context.status = 200;
  context.set('vary', 'accept-encoding');
  context.set('cache-control', file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  context.etag = encoding === 'identity' ? file.etag : `${file.etag}-${encoding}`;
  if (file.extension === '.html') context.set('content-security-policy', contentSecurityPolicy(file));
  if (context.fresh) {
    context.status = 304;
    context.body = null;
    return;
  }
  context.type = file.extension === '' ? 'application/octet-stream' : file.extension;
  if (encoding !== 'identity') context.set('content-encoding', encoding);
  context.body = body;
}

function pickEncoding(context: Context, file: PanelFile): { body: Buffer; encoding: 'br' | 'gzip' | 'identity' } {
  if (file.br && context.acceptsEncodings('br') === 'br') return { body: file.br, encoding: 'br' };
  if (file.gzip && context.acceptsEncodings('gzip') === 'gzip') return { body: file.gzip, encoding: 'gzip' };
  return { body: file.identity, encoding: 'identity' };
}

/** Nothing from elsewhere, no inline style, and no inline script but the page's own, by its hash. */
function contentSecurityPolicy(file: PanelFile): string {
  return [
    "default-src 'none'",
    ["script-src 'self'", ...file.scriptHashes].join(' '),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "manifest-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
