import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

/**
 * Socket.IO at its best for who must miss nothing: the adapter on Redis streams, and connection-state recovery for two
 * minutes. Says its port over IPC, and is told there how much to send.
 */
const [redisUrl = '', streamName = ''] = process.argv.slice(2);
const RECOVERY_MS = 120_000;
const TICK_MS = 20;
const BODY = 'x'.repeat(300);

const redis = new Redis(redisUrl);
const server = new Server({
  adapter: createAdapter(redis, { streamName }),
  connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_MS, skipMiddlewares: true },
});
server.listen(0);
process.send?.({ port: (server.httpServer.address() as { port: number }).port });

process.on('message', async ({ seconds, perSecond }: { seconds: number; perSecond: number }) => {
  const total = Math.round(seconds * perSecond);
  const startedAt = performance.now();
  for (let n = 1; n <= total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond));
    for (; n <= due; n += 1) server.emit('event', n, BODY);
    await sleep(TICK_MS);
  }
  process.send?.({ sent: total });
});
process.on('disconnect', () => process.exit());
