import { startRelayProcess } from '../../harness/relay-process.ts';
import { startSlowDown } from '../slow-down/slow-down.ts';
import { alwaysThere, type Peer } from './peer.ts';

/** The product: its relay as a process, a real key, its log in a Redis that syncs each write, as in production. */
export const relay: Peer = {
  name: 'relay',
  role: 'ours',
  obtain: alwaysThere,
  async start(stand, { fsync = 'always', settings = {} }) {
    const redis = await stand.redis(fsync);
    const process = await startRelayProcess({ settings: { ...startSlowDown(), ...settings } });
    const target = {
      wire: 'relay' as const,
      port: Number(new URL(process.url).port),
      headers: { authorization: `Bearer ${process.apiKey}` },
    };
    return {
      pids: [process.pid, redis.pid],
      serverPid: process.pid,
      feed: { feed: 'log', redisUrl: process.redisUrl, pbxId: process.pbxId },
      wire: { ...target, path: '/relay/ws?after=now' },
      replayWire: { ...target, path: '/relay/ws?after=start' },
      async stop() {
        await process.stop();
        await redis.stop();
      },
    };
  },
};
