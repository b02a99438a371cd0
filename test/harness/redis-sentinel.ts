import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  askNode,
  isMaster,
  type RedisNode,
  type RedisStand,
  replicasInStep,
  startNode,
  stopNodes,
} from './redis-node.ts';
import { waitFor } from './wait-for.ts';

const MASTER_NAME = 'relay';
/** Long enough for one that is busy with its replicas on a busy machine: two failovers in a row lose what no one wants to see. */
const DOWN_AFTER_MS = 1_500;
const QUORUM = 2;

/** One master, two replicas, three Sentinels that agree by two. */
export async function startSentinelStand(): Promise<RedisStand> {
  const dir = await mkdtemp(join(tmpdir(), 'relay-sentinel-'));
  const nodes: RedisNode[] = [];
  const stop = async () => {
    await stopNodes(nodes);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const quick = ['--repl-diskless-sync-delay', '0'];
    const master = await startNode(dir, quick, { kind: 'data' });
    nodes.push(master);
    for (let i = 0; i < 2; i += 1)
      nodes.push(await startNode(dir, [...quick, '--replicaof', `127.0.0.1 ${master.port}`], { kind: 'data' }));
    await replicasInStep(master.port, 2);
    const sentinels: RedisNode[] = [];
    for (let i = 0; i < 3; i += 1) {
      const file = join(dir, `sentinel-${i}.conf`);
      await writeFile(
        file,
        [
          `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} ${QUORUM}`,
          `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
          `sentinel failover-timeout ${MASTER_NAME} 3000`,
        ].join('\n'),
      );
      const sentinel = await startNode(dir, [], { kind: 'sentinel', file });
      sentinels.push(sentinel);
      nodes.push(sentinel);
    }
    const ports = sentinels.map(({ port }) => port);
    await waitFor(async () => (await Promise.all(ports.map(knowsAll))).every(Boolean), {
      what: 'the Sentinels to know each other and the replicas',
      timeoutMs: 20_000,
    });
    const masterPort = async () =>
      Number(
        (
          await askNode(
            ports[0] ?? 0,
            redis => redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME) as Promise<string[]>,
          )
        )[1],
      );
    return {
      url: `redis+sentinel://${ports.map(port => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`,
      masterPort,
      inStep: async () => replicasInStep(await masterPort(), 2),
      async failOver() {
        const before = await masterPort();
        const dead = nodes.find(({ port }) => port === before);
        await dead?.kill();
        await waitFor(async () => (await masterPort()) !== before && (await isMaster(await masterPort())), {
          what: 'another master',
          timeoutMs: 30_000,
        });
        return async () => {
          await dead?.start([...quick, '--replicaof', `127.0.0.1 ${await masterPort()}`]);
          await replicasInStep(await masterPort(), 2);
        };
      },
      async cutReplication() {
        await replicasInStep(await masterPort(), 2);
        const replicas = nodes.filter(({ port }) => !ports.includes(port));
        const current = await masterPort();
        for (const { port } of replicas) if (port !== current) await muteReplica(port);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function knowsAll(sentinelPort: number): Promise<boolean> {
  const reply = await askNode(sentinelPort, redis => redis.call('SENTINEL', 'MASTER', MASTER_NAME) as Promise<unknown>);
  const fields = Array.isArray(reply)
    ? new Map(reply.map((value, index) => [String(value), String(reply[index + 1])]))
    : new Map(Object.entries(reply as Record<string, string>));
  return fields.get('num-slaves') === '2' && fields.get('num-other-sentinels') === '2';
}

/** It stays connected to its Sentinels, and hears nothing from its master any more. */
async function muteReplica(port: number): Promise<void> {
  await askNode(port, redis => redis.config('SET', 'masterauth', 'wrong'));
  await askNode(port, redis => redis.call('CLIENT', 'KILL', 'TYPE', 'MASTER'));
}
