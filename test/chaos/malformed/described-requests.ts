import { generateDocuments } from '@3cx-relay/relay/documents/documents.ts';
import type { Operation, Parameter } from '@3cx-relay/relay/documents/openapi.ts';
import type { JsonSchema } from '@3cx-relay/relay/documents/schema-shelf.ts';
import fc from 'fast-check';
import { ROUTES as ADMIN_ROUTES } from '../../integration/admin/route-rules.ts';
import { adminBody } from './admin-bodies.ts';
import { junk } from './malformed.ts';

/**
 * Requests made from what the OpenAPI document says of each operation, and to every route of the admin API: values that
 * are right, nearly right and wrong, so that most get past the first check.
 */
export type Credentials = { apiKey: string; adminToken: string };

const { openapi } = generateDocuments();
/** A request that waits proves nothing, and takes its time. */
const WAITS = new Set(['wait', 'live']);
const MAX_DEPTH = 4;

function resolve(schema: JsonSchema): JsonSchema {
  const name = typeof schema.$ref === 'string' ? schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1) : null;
  return name === null ? schema : (openapi.components.schemas[name] ?? {});
}

/** What the schema allows, as far as it is understood; anything where it is not. */
function valid(given: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  const schema = resolve(given);
  if (depth > MAX_DEPTH) return fc.constant(null);
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return fc.oneof(...choices.map(each => valid(each as JsonSchema, depth + 1)));
  switch (schema.type) {
    case 'integer':
    case 'number': {
      const min = Number(schema.minimum ?? 0);
      return fc.integer({ min, max: Math.max(min, Math.min(Number(schema.maximum ?? 1_000), 2 ** 31 - 1)) });
    }
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valid((schema.items ?? {}) as JsonSchema, depth + 1), { maxLength: 4 });
    case 'object': {
      const members = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
      const named = Object.fromEntries(members.map(([name, each]) => [name, valid(each, depth + 1)]));
      return fc.record(named, { requiredKeys: (schema.required ?? []) as string[] });
    }
    default:
      return textOf(schema);
  }
}

function textOf({ pattern, format, minLength, maxLength }: JsonSchema): fc.Arbitrary<unknown> {
  if (format === 'date-time')
    return fc.constantFrom('2026-03-02T09:00:00Z', '0000-00-00T00:00:00Z', '9999-12-31T23:59:59Z');
  // Neither lookarounds nor classes of Unicode can be generated from.
  if (typeof pattern !== 'string' || /\(\?|\\[pP]/.test(pattern))
    return fc.oneof(
      fc.constantFrom('101', 'start', 'now', '0'),
      fc.string({ minLength: Number(minLength ?? 0), maxLength: Math.min(Number(maxLength ?? 40), 200) }),
      junk,
    );
  return fc.stringMatching(new RegExp(pattern, 'u'));
}

/** The last is a text like others, which PostgreSQL does not take. */
const wrong = fc.oneof(junk, fc.jsonValue({ maxDepth: 1 }), fc.constant('all but one\u0000'));

function nearly(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 2, arbitrary: valid(schema) },
    { weight: 2, arbitrary: withOneWrong(valid(schema)) },
    { weight: 1, arbitrary: wrong },
  );
}

/** Of an object one member is something else, or is one that nobody knows. */
function withOneWrong(right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(right, fc.nat(), junk, wrong).map(([value, at, stray, other]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return other;
    const names = [...Object.keys(value), stray];
    return { ...value, [names[at % names.length] ?? stray]: other };
  });
}

const quote = (value: unknown) =>
  encodeURIComponent((typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed());
/** A header is one line. */
const toLine = (value: unknown) =>
  String(typeof value === 'string' ? value : JSON.stringify(value)).replace(/[^ -~]/g, '?');

function described(path: string, method: string, operation: Operation): fc.Arbitrary<(from: Credentials) => Buffer> {
  const inPath = operation.parameters.filter(each => each.in === 'path');
  const others = operation.parameters.filter(each => each.in !== 'path' && !WAITS.has(each.name));
  const body = bodyOf(operation);
  const fill = ({ schema }: Parameter) =>
    fc.oneof({ weight: 3, arbitrary: valid(schema) }, { weight: 1, arbitrary: junk });
  return fc
    .record({
      path: fc.tuple(...inPath.map(fill)),
      others: fc
        .subarray(others)
        .chain(some => fc.tuple(...some.map(each => nearly(each.schema).map(value => ({ ...each, value }))))),
      stray: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.tuple(junk, junk) }),
      body: body
        ? fc.oneof({ weight: 6, arbitrary: nearly(body) }, { weight: 1, arbitrary: junk })
        : fc.constant(undefined),
    })
    .map(drawn => ({ apiKey }) => {
      const values = drawn.path.values();
      const target = path.replace(/\{\w+\}/g, () => quote(values.next().value) || '.');
      const query = drawn.others
        .filter(each => each.in === 'query')
        .map(({ name, value }) => `${name}=${quote(value)}`);
      if (drawn.stray) query.push(`${quote(drawn.stray[0])}=${quote(drawn.stray[1])}`);
      const headers = drawn.others
        .filter(each => each.in === 'header')
        .map(({ name, value }) => `${name}: ${toLine(value)}`);
      return request(
        `${method.toUpperCase()} ${target}?${query.join('&')}`,
        [`X-API-Key: ${apiKey}`, ...headers],
        drawn.body,
      );
    });
}

function bodyOf({ requestBody }: Operation): JsonSchema | null {
  const { content } = (requestBody ?? {}) as { content?: Record<string, { schema?: JsonSchema }> };
  return content?.['application/json']?.schema ?? null;
}

function request(line: string, headers: readonly string[], body: unknown): Buffer {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const length = [`Content-Type: application/json`, `Content-Length: ${Buffer.byteLength(text)}`];
  return Buffer.from([`${line} HTTP/1.1`, 'Host: relay', ...headers, ...length, '', text].join('\r\n'));
}

/** They end the session that asks, or everybody's. */
const ENDS_SESSIONS = /logout|sessions|password/;
const FIELDS = [
  'username',
  'password',
  'role',
  'clientName',
  'permissions',
  'expiresAt',
  'dns',
  'ids',
  'all',
  'name',
  'code',
  'token',
];
const anyBody = fc.oneof(
  fc.dictionary(
    fc.oneof(fc.constantFrom(...FIELDS, '__proto__'), junk),
    fc.oneof(fc.jsonValue({ maxDepth: 1 }), junk),
    { maxKeys: 5 },
  ),
  fc.jsonValue({ maxDepth: 1 }),
  junk,
);
const QUERY = [
  'from',
  'to',
  'cursor',
  'after',
  'limit',
  'component',
  'severity',
  'format',
  'acknowledged',
  'history',
  'by',
  'state',
];

const queryValue = fc.oneof(fc.constantFrom('1', 'csv', 'ndjson', '2026-03-02'), junk);

function adminBodyOf(route: string): fc.Arbitrary<unknown> {
  const taken = adminBody(route);
  if (!taken) return anyBody;
  const near = nearly(taken.schema);
  return fc.oneof(
    { weight: 1, arbitrary: anyBody },
    { weight: 2, arbitrary: near },
    { weight: 2, arbitrary: taken.right ? withOneWrong(fc.constant(taken.right)) : near },
  );
}

function ofAdmin(route: string): fc.Arbitrary<(from: Credentials) => Buffer> {
  const [method = '', template = ''] = route.split(' ');
  const body = adminBodyOf(route);
  const id = fc.oneof(fc.constantFrom('0', '-1', '2147483647', '99999999999999999999', 'xapi'), junk);
  return fc
    .record({
      id,
      body,
      // Where something is changed a query is refused before anything else is looked at.
      query: fc.oneof(
        { weight: method === 'GET' ? 1 : 6, arbitrary: fc.constant<[string, string][]>([]) },
        { weight: 2, arbitrary: fc.array(fc.tuple(fc.constantFrom(...QUERY), queryValue), { maxLength: 2 }) },
      ),
    })
    .map(drawn => ({ adminToken }) => {
      const path = template.replace(/:\w+/g, () => quote(drawn.id) || '.');
      const query = drawn.query.map(([name, value]) => `${name}=${quote(value)}`).join('&');
      const sent = method === 'GET' ? undefined : drawn.body;
      return request(`${method} ${path}?${query}`, [`Authorization: Bearer ${adminToken}`], sent);
    });
}

const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => described(path, method, operation)),
);
const admin = Object.keys(ADMIN_ROUTES)
  .filter(route => !ENDS_SESSIONS.test(route))
  .map(ofAdmin);

export const describedRequest = fc.oneof(...operations, ...admin);
