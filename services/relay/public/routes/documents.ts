import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import type { DocumentSource, ServedDocument } from '../../documents/document-source.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import type { RelayState } from '../require-permission.ts';

/** Long enough to spare a page that is read, short enough that an update is seen. */
const MAX_AGE_SECONDS = 300;

const describe = (told: { path: string; operationId: string; summary: string; type: string }): RouteDescription => ({
  method: 'get',
  path: told.path,
  operationId: told.operationId,
  group: 'Documents',
  summary: told.summary,
  permission: null,
  answers: {
    200: {
      description: 'The document.',
      content: { [told.type]: {} },
      headers: { etag: 'Changes with the document.', 'cache-control': 'May be kept for some minutes.' },
    },
    304: { description: 'It is what `If-None-Match` names.' },
  },
  problems: [],
});

export const describeDocuments: readonly RouteDescription[] = [
  describe({
    path: '/relay/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This API as OpenAPI 3.1',
    type: 'application/json',
  }),
  describe({
    path: '/relay/asyncapi.json',
    operationId: 'getAsyncApi',
    summary: 'The live protocol as AsyncAPI 3.0',
    type: 'application/json',
  }),
  describe({ path: '/relay/docs', operationId: 'getDocs', summary: 'Both, for people', type: 'text/html' }),
];

/** `GET /relay/openapi.json`, `/relay/asyncapi.json`, `/relay/docs`: what this relay can do, for anybody. */
export function addDocuments(router: Router<RelayState>, documents: DocumentSource): void {
  router.get('/relay/openapi.json', async context => send(context, (await documents()).openapi));
  router.get('/relay/asyncapi.json', async context => send(context, (await documents()).asyncapi));
  router.get('/relay/docs', async context => {
    const { page } = await documents();
    context.set('content-security-policy', page.contentSecurityPolicy);
    send(context, page);
  });
}

function send(context: RouterContext<RelayState>, { body, type, etag }: ServedDocument): void {
  context.status = 200;
  context.etag = etag;
  context.set('cache-control', `public, max-age=${MAX_AGE_SECONDS}`);
  if (context.fresh) {
    context.status = 304;
    context.body = null;
    return;
  }
  context.type = type;
  context.body = body;
}
