import type { Context, Middleware } from 'koa';
import { ProblemError } from '../../public/problem-error.ts';
import type { RelayState } from '../../public/require-permission.ts';
import { PAGE, type PanelFile, type PanelFiles } from './panel-files.ts';

const PREFIX = '/admin/';

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
    throw new ProblemError('not_found', 'the panel has not been built: run "npm run build -w admin-ui", then reload');
  };
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
