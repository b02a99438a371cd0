import type { PublicProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import type { z } from 'zod';
import { PROBLEM_MEANINGS, problemSchema, statusOfProblem } from './problem-schema.ts';
import { GROUPS, problemsOf, type RouteAnswer, type RouteContent, type RouteDescription } from './route-description.ts';
import { createSchemaShelf, type JsonSchema, type SchemaShelf } from './schema-shelf.ts';

export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: Readonly<Record<string, unknown>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> } & Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, OpenApiAnswer>>;
  readonly [member: string]: unknown;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface OpenApiAnswer {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema; readonly [member: string]: unknown }>>;
  readonly [member: string]: unknown;
}

const ABOUT = `A durable, replayable event relay in front of a 3CX phone system.

Every event has a position. Whoever keeps the position of the last event dealt with can go on behind it, on any
transport and at any time, and misses nothing without being told so by a \`gap\`. The live socket is described in
\`/relay/asyncapi.json\`; \`/relay/docs\` tells both to people.`;

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key: `Authorization: Bearer 3cxr_…`.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key in a header of its own.' },
};

const TICKET_SCHEME = {
  ticket: {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description:
      'For browsers, which cannot set headers here: a ticket of `POST /relay/tickets`, good once and briefly.',
  },
};

/** OpenAPI 3.1 of the routes; what stands in it is what validates. */
export function toOpenApi(routes: readonly RouteDescription[], about: { version: string }): OpenApiDocument {
  const shelf = createSchemaShelf('draft-2020-12');
  const problemRef = shelf.put(problemSchema);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: toOperation(route, { shelf, problemRef }) };
  }
  const takesTickets = routes.some(route => route.takesTicket);
  const groups = [...new Set(routes.map(route => route.group))];
  return {
    openapi: '3.1.1',
    info: { title: '3CX Relay', version: about.version, description: ABOUT },
    servers: [{ url: '/', description: 'The relay that serves this document.' }],
    tags: groups.map(name => ({ name, description: GROUPS[name] })),
    paths,
    components: {
      schemas: shelf.schemas,
      securitySchemes: { ...SECURITY_SCHEMES, ...(takesTickets ? TICKET_SCHEME : {}) },
    },
  };
}

function toOperation(route: RouteDescription, to: { shelf: SchemaShelf; problemRef: JsonSchema }): Operation {
  const { permission } = route;
  const needs = permission === null ? 'Needs no key.' : `Needs a key with the permission \`${permission}\`.`;
  const schemes = permission === null ? [] : ['bearer', 'apiKey', ...(route.takesTicket ? ['ticket'] : [])];
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: [route.description, needs].filter(Boolean).join('\n\n'),
    tags: [route.group],
    // In 3.1 the list may name the roles that are needed, of any scheme.
    security: schemes.map(scheme => ({ [scheme]: [permission] })),
    parameters: [
      ...toParameters('path', route.params, to.shelf),
      ...toParameters('query', route.query, to.shelf),
      ...toParameters('header', route.headers, to.shelf),
    ],
    ...(route.body ? { requestBody: { content: { 'application/json': toMedia(route.body, to.shelf) } } } : {}),
    responses: { ...toAnswers(route, to.shelf), ...toProblems(route, to.problemRef) },
  };
}

function toParameters(place: string, schema: z.ZodObject | undefined, shelf: SchemaShelf): Parameter[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = shelf.put(schema) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(typeof description === 'string' ? { description } : {}),
    schema: rest,
  }));
}

function toMedia({ schema, example }: RouteContent, shelf: SchemaShelf) {
  return { ...(schema ? { schema: shelf.put(schema) } : {}), ...(example === undefined ? {} : { example }) };
}

function toAnswers(route: RouteDescription, shelf: SchemaShelf): Record<string, OpenApiAnswer> {
  return Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, toAnswer(answer, shelf)]));
}

function toAnswer({ description, content, headers }: RouteAnswer, shelf: SchemaShelf): OpenApiAnswer {
  const media = Object.entries(content ?? {}).map(([type, each]) => [type, toMedia(each, shelf)]);
  const named = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: { type: 'string' } },
  ]);
  return {
    description,
    ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) }),
    ...(media.length === 0 ? {} : { content: Object.fromEntries(media) }),
  };
}

/** One answer per status, since several codes share one; the list of codes of each operation is closed. */
function toProblems(route: RouteDescription, problemRef: JsonSchema): Record<string, OpenApiAnswer> {
  const byStatus = Map.groupBy(problemsOf(route), statusOfProblem);
  const retryAfter = { description: 'Whole seconds.', schema: { type: 'integer' } };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map(code => `\`${code}\`: ${PROBLEM_MEANINGS[code]}.`).join('\n\n'),
        ...(status === 429 || status === 503 ? { headers: { 'retry-after': retryAfter } } : {}),
        content: {
          'application/problem+json': {
            schema: { allOf: [problemRef, { properties: { code: { enum: codes } } }] },
            examples: Object.fromEntries(codes.map(code => [code, { value: exampleOf(code) }])),
          },
        },
      },
    ]),
  );
}

function exampleOf(code: PublicProblemCode): object {
  return problem(code, PROBLEM_MEANINGS[code]);
}
