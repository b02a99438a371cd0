import { clientMessage } from '@3cx-relay/shared/wire/client-messages.ts';
import { serverMessage } from '@3cx-relay/shared/wire/messages.ts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AppDeps, createApp } from '../public/app.ts';
import { generateDocuments } from './documents.ts';
import { EXAMPLES } from './message-examples.ts';
import { ROUTES } from './routes.ts';

/** Stands for whatever a route is given: routes are registered here, not asked. */
const anything: unknown = new Proxy(() => undefined, { get: () => anything, apply: () => anything });

/** What the public API answers, as method and path with braces. A router answers HEAD where it answers GET. */
function registeredRoutes(): string[] {
  const deps = new Proxy({} as AppDeps, { get: (_, name) => (name === 'panel' ? null : anything) });
  const app = createApp(deps);
  const routers = app.middleware.flatMap(each => ('router' in each ? [each.router as RouterParts] : []));
  expect(routers).toHaveLength(1);
  return routers.flatMap(({ stack }) =>
    stack.flatMap(({ methods, path }) =>
      methods
        .filter(method => method !== 'HEAD' || !methods.includes('GET'))
        .map(method => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`),
    ),
  );
}

type RouterParts = { stack: { methods: string[]; path: string }[] };

describe('the documents', () => {
  test('describe every route that there is, and none that is not', () => {
    const described = ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(described.toSorted()).toEqual(registeredRoutes().toSorted());
  });

  test('have an example of every message that is one', () => {
    const { components } = generateDocuments().asyncapi;
    const names = Object.values(components.messages).map(message => (message as { title: string }).title);
    expect(names.filter(name => !(name in EXAMPLES))).toEqual([]);
  });

  test.each(Object.entries(EXAMPLES))('show a message %s that is one', (_, example) => {
    const { error } = z.union([serverMessage, clientMessage]).safeParse(example);
    expect(error && z.prettifyError(error)).toBeUndefined();
  });

  test('name in each operation the codes it may answer with, and no other', () => {
    const { openapi } = generateDocuments();
    const forbidden = openapi.paths['/relay/events']?.get?.responses['403']?.content?.['application/problem+json'];
    expect(forbidden?.schema).toMatchObject({
      allOf: [{}, { properties: { code: { enum: ['forbidden', 'address_not_allowed'] } } }],
    });
  });

  test('refer to nothing that is not in them', () => {
    for (const document of Object.values(generateDocuments())) {
      const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(([, path]) => path ?? '');
      const lost = references.filter(path => {
        const names = path.slice(1).split('/');
        return (
          names.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document) ===
          undefined
        );
      });
      expect(lost).toEqual([]);
    }
  });
});
