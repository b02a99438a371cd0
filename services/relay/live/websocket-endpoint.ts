import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { CHANNELS, type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import type { ClientMessage, SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import { CHANNEL_PERMISSION } from '@3cx-relay/shared/wire/permissions.ts';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { WebSocketServer } from 'ws';
import type { Authenticate } from '../keys/authenticate.ts';
import type { ApiKey } from '../keys/validation.ts';
import { parseQuery } from './connect-query.ts';
import { Connection, type ConnectionLimits } from './connection.ts';
import type { Hub } from './hub.ts';
import type { OnWrite } from './outlet.ts';
import type { SendBudget } from './send-budget.ts';
import { encodingOf, selectSubprotocol } from './subprotocol.ts';
import {
  beginSubscription,
  type ChannelRequest,
  describeChannel,
  planSubscription,
  type SubscribeDeps,
} from './subscribe.ts';

/** `GET /relay/ws`: decides over the upgrade, greets, and carries out what clients ask for. */
export interface WebSocketEndpoint {
  /** From now on upgrades are refused. */
  stopAccepting(): void;
}

export interface WebSocketEndpointOptions extends ConnectionLimits {
  readonly heartbeatMs: number;
  readonly maxConnections: number;
  readonly maxMessageBytes: number;
  /** Whether permessage-deflate is agreed to when a client offers it. */
  readonly isCompressing: boolean;
  readonly onWrite: OnWrite;
}

const PATH = '/relay/ws';
/** Only there to resolve the request target against. */
const ORIGIN = 'http://relay';
const PROTOCOL_VERSION = 1;

export function createWebSocketEndpoint(
  server: Server,
  deps: { hub: Hub; authenticate: Authenticate; subscribeDeps: SubscribeDeps; budget: SendBudget; logger: Logger },
  options: WebSocketEndpointOptions,
): WebSocketEndpoint {
  const { hub, logger } = deps;
  let isAccepting = true;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    // Without context takeover the bytes are the same for every client, and are made once (encoding.ts).
    perMessageDeflate: options.isCompressing
      ? { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 15 }
      : false,
    clientTracking: false,
    handleProtocols: selectSubprotocol,
  });

  async function decide(
    request: IncomingMessage,
  ): Promise<{ key: ApiKey; first: Map<Channel, SubscriptionRequest> } | Problem> {
    const target = request.url ?? '/';
    if (!URL.canParse(target, ORIGIN)) return problem('invalid_request', 'the request target is not a URL');
    const url = new URL(target, ORIGIN);
    if (url.pathname !== PATH) return problem('not_found', `WebSockets are at ${PATH}`);
    if (!isAccepting) return problem('stopping', 'this relay is stopping: connect again');
    if (hub.size >= options.maxConnections) {
      return problem('too_many_connections', `${options.maxConnections} clients are connected already`);
    }
    const authenticated = await deps.authenticate(request.headers);
    if ('problem' in authenticated) return authenticated.problem;
    const query = parseQuery(url.searchParams);
    if (!query.ok) return problem('invalid_request', query.message, query.field);
    const forbidden = [...query.channels.keys()].find(name => !mayRead(authenticated.key, name));
    if (forbidden) return forbiddenChannel(forbidden);
    return { key: authenticated.key, first: query.channels };
  }

  server.on('upgrade', (request, stream, head) => {
    const ignore = () => stream.destroy();
    stream.on('error', ignore);
    decide(request)
      .catch(err => {
        logger.error({ err }, 'an upgrade could not be decided');
        return problem('unavailable', 'the request cannot be checked right now: try again');
      })
      .then(decision => {
        if ('status' in decision) return refuse(stream, decision);
        stream.off('error', ignore);
        sockets.handleUpgrade(request, stream, head, ws => {
          if (!(stream instanceof Socket)) return ws.terminate();
          // The listener of the connection is set in this same turn, so that no early message is lost.
          const connection = new Connection(ws, stream, {
            encoding: encodingOf(ws),
            limits: options,
            budget: deps.budget,
            logger,
            onWrite: options.onWrite,
          });
          serve(connection, decision).catch(err => {
            logger.error({ err }, 'a connection could not be served');
            connection.terminate();
          });
        });
      })
      .catch(err => {
        // One upgrade that goes wrong must not become an unhandled rejection, which ends the process.
        logger.error({ err }, 'an upgrade failed');
        stream.destroy();
      });
  });

  async function serve(
    connection: Connection,
    { key, first }: { key: ApiKey; first: Map<Channel, SubscriptionRequest> },
  ): Promise<void> {
    const greeting = greet(connection, key);
    connection.listen(
      async message => {
        await greeting;
        await carryOut(connection, key, message);
      },
      () => {
        hub.remove(connection);
        logger.debug({ session: connection.session }, 'client left');
      },
    );
    hub.add(connection);
    logger.debug({ session: connection.session, client: key.clientName }, 'client connected');
    await greeting;
    for (const [channel, request] of first) await subscribe(connection, { channel, ...request });
  }

  async function greet(connection: Connection, key: ApiKey): Promise<void> {
    const readable = CHANNELS.filter(channel => mayRead(key, channel));
    const described = await Promise.all(readable.map(name => describeChannel(deps.subscribeDeps, name)));
    connection.send({
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      session: connection.session,
      heartbeatMs: options.heartbeatMs,
      channels: Object.fromEntries(readable.map((name, index) => [name, described[index]])),
    });
  }

  async function subscribe(connection: Connection, request: ChannelRequest): Promise<void> {
    const plan = await planSubscription(deps.subscribeDeps, request);
    if (!plan.ok) {
      const field = `channels.${request.channel}.${plan.field}`;
      return connection.refuse(plan.code, `${field}: ${plan.message}`, field);
    }
    if (connection.isClosed) return;
    beginSubscription(deps.subscribeDeps, plan, {
      client: connection,
      sendText: text => connection.sendText(text),
      onError: () => {
        // The client comes back with its position: better than a subscription that stands still.
        connection.sendError('unavailable', 'the log cannot be read right now; reconnect with your position');
        connection.close(RESTART);
      },
    });
  }

  async function carryOut(connection: Connection, key: ApiKey, message: ClientMessage): Promise<void> {
    switch (message.type) {
      case 'ping':
        return connection.send({ type: 'pong' });
      case 'unsubscribe':
        for (const channel of message.channels) {
          const subscription = connection.subscriptions.get(channel);
          if (!subscription) {
            connection.refuse('not_subscribed', `channels: ${channel} is not subscribed`, 'channels');
            continue;
          }
          subscription.end();
          connection.subscriptions.delete(channel);
          connection.send({ type: 'unsubscribed', channel, id: subscription.position });
        }
        return;
      case 'subscribe':
        for (const [name, request] of Object.entries(message.channels)) {
          if (!request || !isChannel(name)) continue;
          if (mayRead(key, name)) await subscribe(connection, { channel: name, ...request });
          else connection.refuse('forbidden_channel', forbiddenChannel(name).detail, `channels.${name}`);
        }
    }
  }

  return {
    stopAccepting() {
      isAccepting = false;
    },
  };
}

function mayRead(key: ApiKey, channel: Channel): boolean {
  return key.permissions.includes(CHANNEL_PERMISSION[channel]);
}

function forbiddenChannel(channel: Channel): Problem {
  return problem(
    'forbidden',
    `the channel ${channel} needs a key with the permission "${CHANNEL_PERMISSION[channel]}"`,
  );
}

function refuse(stream: Duplex, { status, title, ...rest }: Problem): void {
  const body = JSON.stringify({ status, title, ...rest });
  stream.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      ...(status === 401 ? ['www-authenticate: Bearer'] : []),
      '',
      body,
    ].join('\r\n'),
  );
}
