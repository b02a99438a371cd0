import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Middleware } from 'koa';

/**
 * Lists and curves come as JSON of 50 KB and more that shrinks to a tenth. Small answers stay as they are: nothing is won,
 * and what proves a session is in one of them, whose length must not tell of its content.
 */
const FROM_BYTES = 4_096;
/** Half the time of the usual level for some percent more. */
const LEVEL = 3;

const compress = promisify(gzip);

export const compressAnswers: Middleware = async (context, next) => {
  await next();
  const { body } = context;
  if (!isJson(body)) return;
  context.vary('accept-encoding');
  if (context.acceptsEncodings('gzip', 'identity') !== 'gzip') return;
  const text = JSON.stringify(body);
  if (text.length < FROM_BYTES) return;
  context.set('content-encoding', 'gzip');
  context.body = await compress(text, { level: LEVEL });
};

/** What Koa would write as JSON; files and exports are streams and buffers. */
function isJson(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return Array.isArray(body) || Object.getPrototypeOf(body) === Object.prototype;
}
