import { startRelayProcess } from '../../harness/relay-process.ts';
import { waitFor } from '../../harness/wait-for.ts';
import type { Stand } from '../frame/stand.ts';
import { isSlowedDown, relaySettings } from '../slow-down/slow-down.ts';
import { alwaysThere, type Peer, type PeerOptions, type Running } from './peer.ts';

type RelayOptions = PeerOptions &
  Pick<NonNullable<Parameters<typeof startRelayProcess>[0]>, 'prepare'> & {
    readonly isAsItIs?: boolean;
  };

export interface RunningRelay extends Running {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly pbxId: string;
  readonly port: number;
  readonly apiKey: string;
  /** Sum over the labels. */
  metric(name: string): Promise<number>;
  /** SIGKILL, then again. */
  restart(): Promise<void>;
  /** Of the process as it is now. */
  pidNow(): number;
}

/** The product: its relay as a process, a real key, its log in a Redis that syncs each write, as in production. */
export const relay: Peer = { name: 'relay', role: 'ours', isNode: true, obtain: alwaysThere, start: startRelay };

/** With a slow-down on purpose both are measured, in the same run: the slow one as the product, and this beside it. */
const asItIs: Peer = {
  name: 'relay as it is',
  role: 'limit',
  obtain: alwaysThere,
  start: (stand, options) => startRelay(stand, { ...options, isAsItIs: true }),
};

export const relays: readonly Peer[] = isSlowedDown() ? [relay, asItIs] : [relay];

export async function startRelay(stand: Stand, options: RelayOptions = {}): Promise<RunningRelay> {
  const { fsync = 'always', settings = {}, prepare, isAsItIs = false } = options;
  const redis = await stand.redis(fsync);
  const process = await startRelayProcess({
    settings: { ...(isAsItIs ? {} : relaySettings()), ...settings },
    ...(prepare ? { prepare } : {}),
  });
  const { redisUrl, databaseUrl, pbxId, apiKey, metric, restart } = process;
  const port = Number(new URL(process.url).port);
  const target = { wire: 'relay' as const, port, headers: { authorization: `Bearer ${apiKey}` } };
  return {
    ...{ redisUrl, databaseUrl, pbxId, port, apiKey, metric, restart },
    pidNow: () => process.pid,
    pids: [process.pid, redis.pid],
    serverPid: process.pid,
    feed: { feed: 'log', redisUrl, pbxId },
    wire: { ...target, path: '/relay/ws?after=now' },
    // Of a client that replays, nobody waits until it is told that it is live.
    replayWire: { ...target, wire: 'websocket', path: '/relay/ws?after=start' },
    hasTaken: events =>
      waitFor(async () => (await metric('relay_head')) >= events, {
        ...{ what: `${events} events to be read by the relay`, timeoutMs: 120_000 },
      }),
    async stop() {
      await process.stop();
      await redis.stop();
    },
  };
}
