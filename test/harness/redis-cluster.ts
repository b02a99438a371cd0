import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
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

const NODE_TIMEOUT_MS = 1_000;
const SLOT_RANGES = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

/** Three masters, and a replica of that one which has the keys of `pbxId`. */
export async function startClusterStand(pbxId = 'main'): Promise<RedisStand> {
  const dir = await mkdtemp(join(tmpdir(), 'relay-cluster-'));
  const nodes: RedisNode[] = [];
  const stop = async () => {
    await stopNodes(nodes);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    // A replica follows its master however long it has heard nothing of it: the tests want to see what that costs.
    const validity = ['--cluster-replica-validity-factor', '0'];
    const args = ['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--repl-diskless-sync-delay', '0', ...validity];
    nodes.push(...(await Promise.all(Array.from({ length: 4 }, () => startNode(dir, args, { kind: 'cluster' })))));
    const [first = fail()] = nodes;
    const masters = nodes.slice(0, 3);
    for (const [index, { port }] of masters.entries()) {
      const [from = 0, to = 0] = SLOT_RANGES[index] ?? [];
      await askNode(port, redis => redis.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)));
    }
    for (const { port, busPort } of nodes.slice(1)) {
      await askNode(first.port, redis => redis.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPort)));
    }
    const isWhole = (port: number) =>
      askNode(port, async redis =>
        /cluster_state:ok[\s\S]*cluster_known_nodes:4/.test(String(await redis.call('CLUSTER', 'INFO'))),
      );
    await waitFor(async () => (await Promise.all(nodes.map(({ port }) => isWhole(port)))).every(Boolean), {
      what: 'the Cluster to be whole',
      timeoutMs: 30_000,
    });
    const key = createLogKeys(pbxId).calls;
    const slot = await askNode(first.port, async redis => Number(await redis.call('CLUSTER', 'KEYSLOT', key)));
    const owner = masters[SLOT_RANGES.findIndex(([from, to]) => slot >= from && slot <= to)] ?? fail();
    const replica = nodes[3] ?? fail();
    const ownerId = String(await askNode(owner.port, redis => redis.call('CLUSTER', 'MYID')));
    await askNode(replica.port, redis => redis.call('CLUSTER', 'REPLICATE', ownerId));
    await replicasInStep(owner.port, 1);
    const pair = [owner, replica];
    const masterPort = async () => ((await isMaster(replica.port)) ? replica.port : owner.port);
    return {
      url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      masterPort,
      inStep: async () => replicasInStep(await masterPort(), 1),
      async failOver() {
        const before = await masterPort();
        const [dead = fail()] = pair.filter(({ port }) => port === before);
        const [heir = fail()] = pair.filter(({ port }) => port !== before);
        await dead.kill();
        await waitFor(() => isMaster(heir.port), { what: 'the replica to take over', timeoutMs: 30_000 });
        return async () => {
          await dead.start(args);
          await replicasInStep(heir.port, 1);
        };
      },
      async cutReplication() {
        const before = await masterPort();
        const [heir = fail()] = pair.filter(({ port }) => port !== before);
        await replicasInStep(before, 1);
        await askNode(heir.port, redis => redis.config('SET', 'masterauth', 'wrong'));
        await askNode(heir.port, redis => redis.call('CLIENT', 'KILL', 'TYPE', 'MASTER'));
      },
      async moveSlot() {
        const other = masters.find(node => !pair.includes(node)) ?? fail();
        const [from, to] = [await masterPort(), other.port];
        const everybody = nodes.map(({ port }) => port);
        await moveSlot(slot, { from, to, everybody });
        return () => moveSlot(slot, { from: to, to: from, everybody });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const KEYS_AT_ONCE = 5;

/** As `redis-cli --cluster reshard` does it: key by key, each half of them on a different server for a while. */
async function moveSlot(slot: number, ports: { from: number; to: number; everybody: number[] }): Promise<void> {
  const { from, to } = ports;
  const setSlot = (port: number, ...args: string[]) =>
    askNode(port, redis => redis.call('CLUSTER', 'SETSLOT', String(slot), ...args));
  const idOf = async (port: number) => String(await askNode(port, redis => redis.call('CLUSTER', 'MYID')));
  const [fromId, toId] = [await idOf(from), await idOf(to)];
  await setSlot(to, 'IMPORTING', fromId);
  await setSlot(from, 'MIGRATING', toId);
  for (;;) {
    const keys = await askNode(from, redis =>
      redis.call('CLUSTER', 'GETKEYSINSLOT', String(slot), String(KEYS_AT_ONCE)),
    );
    if (!Array.isArray(keys) || keys.length === 0) break;
    const migrate = ['127.0.0.1', to, '', 0, 10_000, 'KEYS', ...keys.map(String)] as const;
    // On a busy machine a node takes others for dead at times, and refuses until it has heard of them.
    await waitFor(() => askNode(from, redis => redis.call('MIGRATE', ...migrate)), {
      what: 'the Cluster to take keys',
      timeoutMs: 60_000,
    });
  }
  // First who has them, so that nobody is sent to a server that does not know it yet; replicas are told by their masters.
  for (const port of [to, from]) await setSlot(port, 'NODE', toId);
  for (const port of ports.everybody) if (await isMaster(port)) await setSlot(port, 'NODE', toId);
}

function fail(): never {
  throw new Error('a node of the Cluster is missing');
}
