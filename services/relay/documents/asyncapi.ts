import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { clientMessage } from '@3cx-relay/shared/wire/client-messages.ts';
import { VERDICTS } from '@3cx-relay/shared/wire/close-codes.ts';
import { SERVER_MESSAGES, STREAM_MESSAGES } from '@3cx-relay/shared/wire/messages.ts';
import type { z } from 'zod';
import { EXAMPLES } from './message-examples.ts';
import { createSchemaShelf, type JsonSchema, type SchemaShelf } from './schema-shelf.ts';

export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly messages: Readonly<Record<string, object>>;
  } & Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export const SUBPROTOCOLS = [
  { name: 'relay.v1', meaning: 'One message is one JSON object in one text frame. The same as offering none.' },
  {
    name: 'relay.v1.ndjson',
    meaning: 'A text frame holds one or many messages, one on each line: for consumers of very high rates.',
  },
  {
    name: 'ticket.<ticket>',
    meaning:
      'Not a protocol but how a browser signs in: a ticket of `POST /relay/tickets`, good once and briefly. Offer it beside one of the others.',
  },
] as const;

const ABOUT = `The live side of the 3CX Relay. Connect, name channels and a position, and every entry behind it comes in order,
first from the log and then as it happens. To resume, send the \`id\` of the last message dealt with as \`after\`.

Unknown types and unknown fields may appear in a later version: ignore them.`;

/** AsyncAPI 3.0 of the socket and the event stream, from the schemas of the wire. */
export function toAsyncApi(about: { version: string }): AsyncApiDocument {
  const shelf = createSchemaShelf('draft-07');
  const fromServer = SERVER_MESSAGES.map(schema => toMessage(schema, shelf));
  const fromClient = clientMessage.options.map(schema => toMessage(schema, shelf));
  const named = Object.fromEntries([...fromServer, ...fromClient].map(message => [message.name, message]));
  const onStream = STREAM_MESSAGES.map(schema => nameOf(schema));
  return {
    asyncapi: '3.0.0',
    info: { title: '3CX Relay, live', version: about.version, description: ABOUT },
    defaultContentType: 'application/json',
    servers: {
      socket: server('wss', 'The relay behind TLS; `ws` on the host itself.'),
      stream: server('https', 'The same, for server-sent events.'),
    },
    channels: { socket: socketChannel(named), stream: streamChannel(onStream) },
    operations: {
      sendMessages: {
        action: 'send',
        channel: { $ref: '#/channels/socket' },
        summary: 'What the relay sends.',
        messages: fromServer.map(({ name }) => ({ $ref: `#/channels/socket/messages/${name}` })),
      },
      ...Object.fromEntries(fromClient.map(({ name, title }) => [`receive${name}`, receive({ name, title })])),
      sendStream: {
        action: 'send',
        channel: { $ref: '#/channels/stream' },
        summary: 'What the event stream sends.',
        messages: onStream.map(name => ({ $ref: `#/channels/stream/messages/${name}` })),
      },
    },
    components: { schemas: shelf.schemas, messages: named, securitySchemes: SECURITY_SCHEMES },
  };
}

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key: `Authorization: Bearer 3cxr_…`. Never in a URL.',
  },
  apiKey: { type: 'httpApiKey', in: 'header', name: 'X-API-Key', description: 'The same key in a header of its own.' },
  ticket: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: 'For browsers: `ticket.<ticket>` among the subprotocols, from `POST /relay/tickets`.',
  },
};

function server(protocol: string, description: string): object {
  return {
    host: '{host}',
    protocol,
    description,
    variables: { host: { default: 'localhost:8082', description: 'Where the relay is reached.' } },
    security: Object.keys(SECURITY_SCHEMES).map(name => ({ $ref: `#/components/securitySchemes/${name}` })),
  };
}

interface Message {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly payload: JsonSchema;
  readonly examples?: readonly object[];
}

function toMessage(schema: z.ZodType, shelf: SchemaShelf): Message {
  const { title = '', description = '' } = schema.meta() ?? {};
  const example = Object.entries(EXAMPLES).find(([name]) => name === title)?.[1];
  return {
    name: nameOf(schema),
    title,
    summary: description,
    payload: shelf.put(schema),
    ...(example ? { examples: [{ name: title, payload: example }] } : {}),
  };
}

function nameOf(schema: z.ZodType): string {
  const id = schema.meta()?.id;
  if (id === undefined) throw new Error('a message of the wire has no id: give it one with .meta({ id })');
  return id;
}

function socketChannel(messages: Readonly<Record<string, Message>>): object {
  return {
    address: '/relay/ws',
    title: 'WebSocket',
    summary: 'Every channel on one socket, live and from any position.',
    description: [
      'The subprotocols:',
      ...SUBPROTOCOLS.map(({ name, meaning }) => `- \`${name}\`: ${meaning}`),
      '',
      'The close codes, and whether coming back helps:',
      ...VERDICTS.map(({ code, reason, reconnect, meaning }) => {
        return `- ${code} ${reason}: ${meaning}. ${reconnect ? 'Reconnect.' : 'Do not reconnect.'}`;
      }),
      '- any other: the connection was lost. Reconnect, with growing, jittered waits.',
    ].join('\n'),
    servers: [{ $ref: '#/servers/socket' }],
    messages: Object.fromEntries(Object.keys(messages).map(name => [name, { $ref: `#/components/messages/${name}` }])),
    bindings: { ws: { method: 'GET', query: CONNECT_QUERY, headers: CONNECT_HEADERS, bindingVersion: '0.1.0' } },
    'x-subprotocols': SUBPROTOCOLS,
    'x-close-codes': VERDICTS,
  };
}

function streamChannel(names: readonly string[]): object {
  return {
    address: '/relay/events/stream',
    title: 'Server-sent events',
    summary: 'One channel as an event stream; the id of each event is its position.',
    description:
      'Cut off, an EventSource comes back by itself and goes on behind `Last-Event-ID`. Query and headers: `/relay/openapi.json`.',
    servers: [{ $ref: '#/servers/stream' }],
    messages: Object.fromEntries(names.map(name => [name, { $ref: `#/components/messages/${name}` }])),
  };
}

function receive({ name, title }: { name: string; title: string }): object {
  const messages = ANSWERS[title] ?? [];
  return {
    action: 'receive',
    channel: { $ref: '#/channels/socket' },
    summary: `What a client asks with \`${title}\`.`,
    messages: [{ $ref: `#/channels/socket/messages/${name}` }],
    reply: {
      channel: { $ref: '#/channels/socket' },
      messages: messages.map(answer => ({ $ref: `#/channels/socket/messages/${answer}` })),
    },
  };
}

const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  subscribe: ['Snapshot', 'Gap', 'CaughtUp', 'Refusal'],
  unsubscribe: ['Unsubscribed', 'Refusal'],
  ping: ['Pong'],
};

const text = (description: string) => ({ type: 'string', description });

/** The words of a `subscribe` message, as they stand in a URL. */
const CONNECT_QUERY = {
  type: 'object',
  description: 'A first subscription; without it `calls` from now on.',
  properties: {
    channels: text(
      `Separated by commas: ${CHANNELS.join(', ')}. Default \`calls\`; empty: nothing until a \`subscribe\` comes.`,
    ),
    after: text('A position (of one channel), `start` or `now` (default).'),
    dn: text('Extensions, separated by commas.'),
    event: text('Events, separated by commas.'),
    call: text('Values of `callId`, separated by commas.'),
    snapshot: text('`1`: the active calls first.'),
  },
};

const CONNECT_HEADERS = {
  type: 'object',
  properties: {
    authorization: text('`Bearer <key>`.'),
    'x-api-key': text('The key, instead of `authorization`.'),
    'sec-websocket-protocol': text(`Any of ${SUBPROTOCOLS.map(({ name }) => `\`${name}\``).join(', ')}.`),
  },
};
