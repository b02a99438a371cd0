import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import packageJson from '../package.json' with { type: 'json' };
import { type AsyncApiDocument, toAsyncApi } from './asyncapi.ts';
import type { Documents, ServedDocument } from './document-source.ts';
import { type OpenApiDocument, toOpenApi } from './openapi.ts';
import { toPage } from './page/page.ts';
import { ROUTES } from './routes.ts';

export interface GeneratedDocuments {
  readonly openapi: OpenApiDocument;
  readonly asyncapi: AsyncApiDocument;
}

export function generateDocuments(): GeneratedDocuments {
  const { version } = packageJson;
  return { openapi: toOpenApi(ROUTES, { version }), asyncapi: toAsyncApi({ version }) };
}

export async function makeDocuments(): Promise<Documents> {
  const generated = generateDocuments();
  const [style, ...examples] = await Promise.all([
    readText('page/page.css'),
    ...EXAMPLES.map(async ({ file, ...told }) => ({ ...told, text: await readText(`examples/${file}`) })),
  ]);
  const page = toPage({ ...generated, routes: ROUTES, style, examples });
  const styleHash = createHash('sha256').update(style).digest('base64');
  return {
    openapi: served(JSON.stringify(generated.openapi), 'application/json'),
    asyncapi: served(JSON.stringify(generated.asyncapi), 'application/json'),
    page: {
      ...served(page, 'text/html; charset=utf-8'),
      contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
  };
}

/** Programs that work as they stand; tests run them. */
const EXAMPLES = [
  { file: 'curl.sh', language: 'curl' },
  { file: 'node.mjs', language: 'Node' },
  { file: 'python.py', language: 'Python' },
  { file: 'browser.html', language: 'Browser' },
] as const;

function served(body: string, type: string): ServedDocument {
  const etag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { body, type, etag };
}

function readText(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8');
}
