import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findRedisBinary } from '../../install/dev/servers/redis-binary.ts';
import { type Child, startChild } from '../../install/dev/system/child.ts';
import { findFreePort } from '../../install/dev/system/ports.ts';
import type { CertificateFiles } from './test-certificate.ts';
import { waitFor } from './wait-for.ts';

/** Real servers that belong together, of which one takes the writes and can die. */
export type RedisStand = {
  url: string;
  /** Of the server that takes writes now. */
  masterPort(): Promise<number>;
  /** Resolves when its replicas have all that it has now. */
  inStep(): Promise<void>;
  /** SIGKILL for that server; resolves when another one takes its place, with what brings the dead one back as replica. */
  failOver(): Promise<() => Promise<void>>;
  /** The replicas hear nothing from the master any more, and fall behind. */
  cutReplication(): Promise<void>;
  /** Of a Cluster: another master gets the keys, while they are used; resolves with what gives them back. */
  moveSlot?(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
};

export type RedisNode = {
  readonly port: number;
  /** Of a Cluster's node: where it talks to the others. */
  readonly busPort: number;
  kill(): Promise<void>;
  /** Again with the same port and folder. */
  start(args: readonly string[]): Promise<void>;
};

type NodeKind = { readonly kind: 'data' } | { readonly kind: 'cluster' } | { readonly kind: 'sentinel'; file: string };

/** Listens with TLS on a port of its own, beside the one that the harness asks, and talks with TLS to the others. */
export async function startTlsNode(
  dir: string,
  certificate: CertificateFiles,
  kind: NodeKind & { args?: readonly string[] },
): Promise<RedisNode & { readonly tlsPort: number }> {
  const tlsPort = await findFreePort();
  const node = await startNode(dir, [...toTlsArguments(tlsPort, certificate), ...(kind.args ?? [])], kind);
  return { ...node, tlsPort };
}

function toTlsArguments(port: number, { cert, key }: CertificateFiles): string[] {
  const files = ['--tls-ca-cert-file', cert, '--tls-cert-file', cert, '--tls-key-file', key];
  return ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no', '--tls-replication', 'yes'];
}

/** A Redis server as production runs it, with the arguments that make it part of something larger; or a Sentinel. */
export async function startNode(dir: string, args: readonly string[], kind: NodeKind): Promise<RedisNode> {
  const [port, busPort] = [await findFreePort(), await findFreePort()];
  let child = await launch(dir, port, [...toArguments(kind, busPort), ...args]);
  return {
    port,
    busPort,
    kill: async () => void (await child.stop({ signal: 'SIGKILL', deadlineMs: 2_000 })),
    async start(again) {
      child = await launch(dir, port, [...toArguments(kind, busPort), ...again]);
    },
  };
}

function toArguments(kind: NodeKind, busPort: number): string[] {
  if (kind.kind === 'sentinel') return [kind.file, '--sentinel'];
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'];
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)];
  return kind.kind === 'cluster' ? [...durable, ...cluster] : durable;
}

async function launch(dir: string, port: number, args: readonly string[]): Promise<Child> {
  const binary = await findRedisBinary();
  if (!binary) throw new Error('redis-server is not installed');
  const nodeDir = join(dir, String(port));
  await mkdir(nodeDir, { recursive: true });
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', nodeDir, '--daemonize', 'no'];
  const child = await startChild({ command: binary.path, args: [...args, ...own], output: () => undefined });
  alive.add(child);
  void child.exited.then(() => alive.delete(child));
  await waitFor(() => askNode(port, redis => redis.ping()), { what: `Redis on ${port}`, timeoutMs: 10_000 });
  return child;
}

/** Resolves when so many replicas have all that the master has now. */
export async function replicasInStep(masterPort: number, replicas: number): Promise<void> {
  const told = () => askNode(masterPort, redis => redis.info('replication'));
  const wanted = Number(/master_repl_offset:(\d+)/.exec(await told())?.[1]);
  await waitFor(
    async () => {
      const lines = (await told()).match(/^slave\d+:.*state=online.*/gm) ?? [];
      return lines.filter(line => Number(/offset=(\d+)/.exec(line)?.[1]) >= wanted).length === replicas;
    },
    { what: `${replicas} replicas in step with ${masterPort}`, timeoutMs: 30_000 },
  );
}

const alive = new Set<Child>();
process.on('exit', () => {
  for (const child of alive) child.kill();
});

export async function stopNodes(nodes: readonly RedisNode[]): Promise<void> {
  await Promise.all(nodes.map(node => node.kill()));
}

export async function askNode<Answer>(port: number, question: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: null, maxRetriesPerRequest: 0, lazyConnect: true });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

export async function isMaster(port: number): Promise<boolean> {
  return (await askNode(port, redis => redis.info('replication')).catch(() => '')).includes('role:master');
}
