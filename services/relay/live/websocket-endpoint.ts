import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { CHANNELS, type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import type { ClientMessage, SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Admit } from '../keys/admission.ts';
import type { Authenticate } from '../keys/authenticate.ts';
import { ticketOf } from '../keys/authenticate-upgrade.ts';
import { channelScopeOf, refuseChannel } from '../keys/dn-scope.ts';
import { type CloseLive, endOf, type LiveKeys } from '../keys/live-keys.ts';
import type { ApiKey } from '../keys/validation.ts';
import { clientAddress } from '../public/client-address.ts';
import type { RequestLog } from '../request-log.ts';
import { type ClientOwner, ownerOf } from './client-owner.ts';
import { parseQuery } from './connect-query.ts';
import { Connection, type ConnectionLimits } from './connection.ts';
import type { Hub } from './hub.ts';
import type { OnWrite } from './outlet.ts';
import { beginUpgradeRecord, type UpgradeRecord } from './record-upgrades.ts';
import { refuseByClose, refuseByStatus, verdictOf } from './refuse-upgrade.ts';
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

type Decision =
  | { readonly key: ApiKey; readonly first: Map<Channel, SubscriptionRequest> }
  /** With the key when it was valid and something else was wrong. */
  | { readonly key: ApiKey | null; readonly problem: Problem };

interface Accepted {
  readonly key: ApiKey;
  readonly first: Map<Channel, SubscriptionRequest>;
  readonly owner: ClientOwner;
  readonly record: UpgradeRecord;
}

const PATH = '/relay/ws';
/** Only there to resolve the request target against. */
const ORIGIN = 'http://relay';
const PROTOCOL_VERSION = 1;
const STOPPING = 'this relay is stopping: connect again';
/** Connections that are open only to be told why they are refused; beyond, a browser learns as little as ever. */
const MAX_TOLD = 1_000;

export function createWebSocketEndpoint(
  server: Server,
  deps: {
    hub: Hub;
    /** By key or ticket. */
    authenticate: Authenticate;
    admit: Admit;
    liveKeys: LiveKeys;
    requests: RequestLog;
    subscribeDeps: SubscribeDeps;
    budget: SendBudget;
    logger: Logger;
  },
  options: WebSocketEndpointOptions,
): WebSocketEndpoint {
  const { hub, logger } = deps;
  let isAccepting = true;
  let told = 0;
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

  async function decide(request: IncomingMessage): Promise<Decision> {
    const target = request.url ?? '/';
    const refuse = (found: Problem, key: ApiKey | null = null) => ({ key, problem: found });
    if (!URL.canParse(target, ORIGIN)) return refuse(problem('invalid_request', 'the request target is not a URL'));
    const url = new URL(target, ORIGIN);
    if (url.pathname !== PATH) return refuse(problem('not_found', `WebSockets are at ${PATH}`));
    if (!isAccepting) return refuse(problem('stopping', STOPPING));
    if (hub.size >= options.maxConnections) {
      return refuse(problem('too_many_connections', `${options.maxConnections} clients are connected already`));
    }
    const authenticated = await deps.authenticate(request);
    if ('problem' in authenticated) return refuse(authenticated.problem);
    const { key } = authenticated;
    const refused = await deps.admit(key, { address: clientAddress(request), kind: 'upgrade' });
    if (refused) return refuse(refused, key);
    const query = parseQuery(url.searchParams);
    if (!query.ok) return refuse(problem('invalid_request', query.message, query.field), key);
    for (const name of query.channels.keys()) {
      const forbidden = refuseChannel(key, name);
      if (forbidden) return refuse(forbidden, key);
    }
    return { key, first: query.channels };
  }

  server.on('upgrade', (request, stream, head) => {
    const ignore = () => stream.destroy();
    stream.on('error', ignore);
    const record = beginUpgradeRecord(deps.requests, request, PATH);
    const shakeHands = (accept: (ws: WebSocket) => void) => {
      const refuseHandshake = ({ message }: Error) => {
        const found = problem('invalid_request', `the WebSocket handshake is not valid: ${message}`);
        record.refused(found, null);
        refuseByStatus(stream, found);
      };
      // All of it happens in this turn, so that the error is of this upgrade.
      sockets.once('wsClientError', refuseHandshake);
      sockets.handleUpgrade(request, stream, head, accept);
      sockets.off('wsClientError', refuseHandshake);
    };
    decide(request)
      .catch(err => {
        logger.error({ err }, 'an upgrade could not be decided');
        return { key: null, problem: problem('unavailable', 'the request cannot be checked right now: try again') };
      })
      .then(found => {
        // Whoever is let in after the others were told to leave would be told nothing.
        const isLate = !isAccepting && !('problem' in found);
        const decided = isLate ? { key: found.key, problem: problem('stopping', STOPPING) } : found;
        let end: CloseLive = () => stream.destroy();
        const decision = withPlace(decided, stream, verdict => end(verdict));
        if ('problem' in decision) {
          const { key, problem: found } = decision;
          if (ticketOf(request) === null || found.code === 'not_found' || told >= MAX_TOLD) {
            record.refused(found, key);
            return refuseByStatus(stream, found);
          }
          record.refused(found, key, verdictOf(found.code).code);
          stream.off('error', ignore);
          return shakeHands(ws => {
            told += 1;
            ws.once('close', () => {
              told -= 1;
            });
            refuseByClose(ws, found);
          });
        }
        stream.off('error', ignore);
        shakeHands(ws => {
          if (!(stream instanceof Socket)) return ws.terminate();
          record.accepted(decision.key, ws);
          // The listener of the connection is set in this same turn, so that no early message is lost.
          const connection = new Connection(ws, stream, {
            encoding: encodingOf(ws),
            limits: options,
            budget: deps.budget,
            logger,
            onWrite: options.onWrite,
          });
          end = endOf(connection);
          serve(connection, { ...decision, owner: ownerOf(decision.key, request), record }).catch(err => {
            logger.warn({ err }, 'a connection could not be served');
            sendAway(connection);
          });
        });
      })
      .catch(err => {
        // One upgrade that goes wrong must not become an unhandled rejection, which ends the process.
        logger.error({ err }, 'an upgrade failed');
        stream.destroy();
      });
  });

  /** The place that the connection takes of those that its key has, or the refusal when there is none. */
  function withPlace(decision: Decision, stream: Duplex, close: CloseLive): Decision {
    if ('problem' in decision || stream.destroyed) return decision;
    const { key } = decision;
    const leave = deps.liveKeys.register(key, close);
    if (!leave) return { key, problem: deps.liveKeys.refusal(key) };
    stream.once('close', leave);
    return decision;
  }

  async function serve(connection: Connection, { key, first, owner, record }: Accepted): Promise<void> {
    const opened = open(connection, key, first);
    connection.listen(
      async message => {
        await opened;
        await carryOut(connection, message, { key, record });
      },
      () => {
        hub.remove(connection);
        logger.debug({ session: connection.session }, 'client left');
      },
    );
    hub.add(connection, owner);
    logger.debug({ session: connection.session, client: key.clientName }, 'client connected');
    await opened;
  }

  /** What it asked for when it connected comes before whatever it asks for on the connection. */
  async function open(connection: Connection, key: ApiKey, first: Accepted['first']): Promise<void> {
    await greet(connection, key);
    for (const [channel, request] of first) {
      await subscribe(connection, { channel, scope: channelScopeOf(key, channel), ...request });
    }
  }

  async function greet(connection: Connection, key: ApiKey): Promise<void> {
    const readable = CHANNELS.filter(channel => refuseChannel(key, channel) === null);
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
      onError: () => sendAway(connection),
    });
  }

  /** The client comes back with its position: better than a subscription that stands still. */
  function sendAway(connection: Connection): void {
    connection.sendError('unavailable', 'the log cannot be read right now; reconnect with your position');
    endOf(connection)(RESTART);
  }

  async function carryOut(
    connection: Connection,
    message: ClientMessage,
    { key, record }: Pick<Accepted, 'key' | 'record'>,
  ): Promise<void> {
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
          const forbidden = refuseChannel(key, name);
          const scope = channelScopeOf(key, name);
          if (forbidden) {
            record.refusedChannel(name, key);
            connection.refuse('forbidden_channel', forbidden.detail, `channels.${name}`);
          } else await subscribe(connection, { channel: name, scope, ...request });
        }
    }
  }

  return {
    stopAccepting() {
      isAccepting = false;
    },
  };
}
