import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '../../../install/dev/system/ports.ts';
import { hasCommand, obtainPackage } from './debian-package.ts';
import { createStream } from './nats-stream.ts';
import { startOwnServer } from './own-server.ts';
import type { Peer, Running } from './peer.ts';

const SUBJECT = 'events';
const STREAM = 'EVENTS';
const obtain = () => obtainPackage('nats-server', () => hasCommand('nats-server'));

/** A stream in files, and for each client an ordered push consumer, as the libraries make them. */
export const jetStream: Peer = { name: 'NATS JetStream', role: 'peer', obtain, start: () => start('jetstream') };

/** Without a store: who is not there misses it. What the same server needs for fan-out alone. */
export const natsCore: Peer = { name: 'NATS core (no replay)', role: 'peer', obtain, start: () => start('nats') };

async function start(wire: 'nats' | 'jetstream'): Promise<Running> {
  const [port, webPort] = [await findFreePort(), await findFreePort()];
  const server = await startOwnServer('nats-server', port, async dir => {
    const file = join(dir, 'nats.conf');
    await writeFile(
      file,
      `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${join(dir, 'store')}" }
websocket { listen: "127.0.0.1:${webPort}", no_tls: true }
`,
    );
    return ['-c', file];
  });
  if (wire === 'jetstream') await createStream(port, { stream: STREAM, subject: SUBJECT });
  const target = { wire, port: webPort, path: '/', headers: {}, subject: SUBJECT, stream: STREAM };
  return {
    pids: [server.pid],
    serverPid: server.pid,
    feed: { feed: 'nats', port, subject: SUBJECT, isStored: wire === 'jetstream' },
    wire: target,
    ...(wire === 'jetstream' ? { replayWire: { ...target, from: 'all' as const } } : {}),
    stop: server.stop,
  };
}
