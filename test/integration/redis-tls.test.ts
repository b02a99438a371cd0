import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLog } from '@3cx-relay/shared/log/read.ts';
import { connectRedis, type RedisConnection, waitForRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askNode, type RedisNode, startTlsNode, stopNodes } from '../harness/redis-node.ts';
import { type CertificateFiles, createCertificate } from '../harness/test-certificate.ts';
import { waitFor } from '../harness/wait-for.ts';

const NAME = 'localhost';
const keys = createLogKeys('main');
const known = getCACertificates('default');
let dir: string;
let certificate: CertificateFiles;
const nodes: RedisNode[] = [];
const open: RedisConnection[] = [];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'relay-tls-'));
  certificate = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') };
  createCertificate(certificate, NAME);
});

// As NODE_EXTRA_CA_CERTS does for a process that starts.
beforeEach(() => setDefaultCACertificates([...known, readFileSync(certificate.cert, 'utf8')]));

afterEach(async () => {
  await Promise.all(open.splice(0).map(connection => connection.stop()));
  await stopNodes(nodes.splice(0));
});

afterAll(() => {
  setDefaultCACertificates(known);
  rmSync(dir, { recursive: true, force: true });
});

async function startNode(kind: Parameters<typeof startTlsNode>[2]) {
  const node = await startTlsNode(dir, certificate, kind);
  nodes.push(node);
  return node;
}

function connect(url: string) {
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
  const connection = connectRedis(url, { name: 'test', logger });
  open.push(connection);
  return { redis: connection.redis, warnings };
}

/** Writes and reads as ingest and relay do, over connections of their own. */
async function expectTheLogToWork(url: string): Promise<void> {
  const writer = connect(url).redis;
  await waitForRedis(writer);
  const entries = [1, 2, 3].map(n => ({ type: 'call_event' as const, at: n, body: `{"n":${n}}` }));
  const batch = { writerId: 'w1', firstWriterSeq: 1, entries, highestKnownSeq: 0 };
  await appendToLog({ redis: writer, keys, channel: 'calls' }, batch);
  const seen: string[] = [];
  const reader = connect(url).redis;
  await waitForRedis(reader);
  const { signal } = new AbortController();
  for await (const page of readLog({ redis: reader, keys, after: new Map([['calls', 0]]), follow: false, signal })) {
    if (page.kind === 'entries') seen.push(...page.entries.map(({ body }) => body));
  }
  expect(seen).toEqual(entries.map(({ body }) => body));
}

describe('over TLS, with certificates that have a name and no address', () => {
  it('the log is written and read on one server', async () => {
    const { tlsPort } = await startNode({ kind: 'data' });
    await expectTheLogToWork(`rediss://${NAME}:${tlsPort}`);
  });

  it('the log is written and read at the master that a Sentinel names', async () => {
    const master = await startNode({ kind: 'data' });
    const file = join(dir, 'sentinel.conf');
    const names = ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes'];
    writeFileSync(file, [...names, `sentinel monitor relay ${NAME} ${master.tlsPort} 1`].join('\n'));
    const sentinel = await startNode({ kind: 'sentinel', file });
    await expectTheLogToWork(`rediss+sentinel://${NAME}:${sentinel.tlsPort}/relay`);
  });

  it('the log is written and read in a Cluster, whichever node was named', async () => {
    const names = ['--cluster-announce-hostname', NAME, '--cluster-preferred-endpoint-type', 'hostname'];
    const args = ['--tls-cluster', 'yes', ...names];
    const [first, second] = [await startNode({ kind: 'cluster', args }), await startNode({ kind: 'cluster', args })];
    const give = (port: number, from: number, to: number) =>
      askNode(port, redis => redis.call('CLUSTER', 'ADDSLOTSRANGE', from, to));
    await give(first.port, 0, 8_191);
    await give(second.port, 8_192, 16_383);
    await askNode(first.port, redis => redis.call('CLUSTER', 'MEET', '127.0.0.1', second.tlsPort, second.busPort));
    for (const { port } of [first, second]) {
      const isWhole = async () => /cluster_state:ok/.test(String(await askNode(port, r => r.call('CLUSTER', 'INFO'))));
      await waitFor(isWhole, { what: 'the Cluster to be whole' });
    }
    await expectTheLogToWork(`rediss+cluster://${NAME}:${first.tlsPort}`);
    await askNode(first.port, redis => redis.flushall());
    await askNode(second.port, redis => redis.flushall());
    await expectTheLogToWork(`rediss+cluster://${NAME}:${second.tlsPort}`);
  });

  it('a server whose authority is not known is refused, and the log says so', async () => {
    const { tlsPort } = await startNode({ kind: 'data' });
    setDefaultCACertificates(known);
    const { redis, warnings } = connect(`rediss://${NAME}:${tlsPort}`);
    await waitFor(() => warnings.length > 0, { what: 'the warning' });
    expect(warnings.join('')).toContain('Redis is away');
    expect(warnings.join('')).toContain('certificate');
    expect(redis.status).not.toBe('ready');
  });
});
