import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type SecureVersion } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificate } from '../../test/harness/test-certificate.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { findFreePort, probePort } from '../dev/system/ports.ts';

/** The files as the installer writes them, in a real nginx: what it logs and answers by itself is its own matter. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const hasNginx = spawnSync('nginx', ['-v'], { env: withSbin() }).status === 0;
if (!hasNginx) console.warn('nginx is not here: what it does with our files is NOT tested');

/** Fewer than are needed to see the limit, and more than any other test has at a time. */
const LIMIT = /(limit_conn \w+) 2000;/;
const LIMIT_HERE = 4;

const NUMBER = '4930123456';

interface Site {
  readonly name: string;
  /** What stands before `/relay/`. */
  readonly prefix: string;
  /** The whole of nginx.conf. */
  conf(ports: { tls: number; plain: number; relay: number }, folder: string): string;
}

const SITES: readonly Site[] = [
  {
    name: 'beside a 3CX',
    prefix: '/3cx-relay',
    conf: ({ tls, plain, relay }, folder) => `
      events {}
      http {
        access_log ${folder}/access.log;
        server {
          listen 127.0.0.1:${tls} ssl;
          listen 127.0.0.1:${plain};
          ssl_certificate ${folder}/cert.pem;
          ssl_certificate_key ${folder}/key.pem;
          location = /webclient { return 200 "of the PBX"; }
          ${rendered('snippet', '/3cx-relay', relay, folder)}
        }
      }`,
  },
  {
    name: 'on a site of its own',
    prefix: '',
    conf: ({ tls, relay }, folder) => `
      events {}
      http {
        access_log ${folder}/access.log;
        ${rendered('site', '', relay, folder)
          .replaceAll('/var/log/nginx', folder)
          .replace(LIMIT, `$1 ${LIMIT_HERE};`)
          .replace('listen 443', `listen 127.0.0.1:${tls}`)
          .replace(/listen \[::\]:443.*/, '')}
      }`,
  },
  {
    name: 'in containers',
    prefix: '',
    conf: ({ tls, relay }, folder) =>
      readFileSync(join(root, 'install/container/nginx.conf'), 'utf8')
        .replace('pid /run/nginx.pid;', '')
        .replace('error_log stderr', `error_log ${folder}/error.log`)
        .replace('worker_connections 16384', 'worker_connections 64')
        .replace('listen 8443', `listen 127.0.0.1:${tls}`)
        .replaceAll('/etc/nginx/tls', folder)
        .replace(LIMIT, `$1 ${LIMIT_HERE};`)
        // An older nginx than that of the image asks for names once.
        .replace('server relay:8082 resolve', `server 127.0.0.1:${relay}`),
  },
];

describe.skipIf(!hasNginx).each(SITES)('$name', site => {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const ports = { tls: 0, plain: 0, relay: 0 };
  let nginx: ChildProcess | undefined;

  beforeAll(async () => {
    [ports.tls, ports.plain, ports.relay] = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
    createCertificate({ key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }, 'localhost');
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      each => `${each}_temp_path ${folder}/${each};`,
    );
    const conf = `pid ${folder}/nginx.pid;\n${site.conf(ports, folder).replace('http {', `http {\n${paths.join('\n')}`)}`;
    writeFileSync(join(folder, 'nginx.conf'), conf);
    // One process, which ends with its signal.
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    nginx = spawn('nginx', [...args, '-g', 'daemon off; master_process off;'], { env: withSbin(), stdio: 'inherit' });
    await waitFor(async () => (await probePort(ports.tls)) === 'in use', { what: 'nginx to listen' });
  });

  afterAll(async () => {
    if (nginx && nginx.exitCode === null) {
      nginx.kill();
      await once(nginx, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  const ask = (path: string, options: RequestOptions = {}) =>
    new Promise<{ status: number | undefined; headers: Record<string, string | string[] | undefined>; body: string }>(
      (resolve, reject) => {
        const target = { host: '127.0.0.1', port: ports.tls, path: site.prefix + path, rejectUnauthorized: false };
        request({ ...target, ...options }, response => {
          let body = '';
          response.setEncoding('utf8').on('data', piece => (body += piece));
          response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
        })
          .on('error', reject)
          .end();
      },
    );

  test('no query is written to an access log, whether the relay answers or not', async () => {
    const paths = ['/relay/events', '/relay/ws', '/admin/history/calls', '/admin'];
    for (const path of paths) await ask(`${path}?number=${NUMBER}`);
    const relay = createHttpServer((_, response) => response.end('{}')).listen(ports.relay, '127.0.0.1');
    await once(relay, 'listening');
    for (const path of paths) await ask(`${path}?number=${NUMBER}`, { headers: { referer: `https://x/?${NUMBER}` } });
    await new Promise(resolve => relay.close(resolve));
    const log = readLog(join(folder, 'access.log'));
    expect(log).not.toContain(NUMBER);
    if (site.name === 'on a site of its own')
      expect(log.match(/"GET \/relay\/events HTTP\/1.1" 502 /g)).toHaveLength(1);
    else expect(log).toBe('');
  });

  test('what nginx says by itself is no page, keeps its status, and asks for TLS where the host is ours', async () => {
    const isOurs = site.name !== 'beside a 3CX';
    const hsts = isOurs ? 'max-age=31536000; includeSubDomains' : undefined;
    const body = { method: 'POST', headers: { 'content-length': 2 * 1024 ** 2 } };
    const cases: [status: number, ...Parameters<typeof ask>][] = [
      [502, '/relay/health'],
      [502, '/relay/ws'],
      [502, '/admin/login', { method: 'POST' }],
      [413, '/admin/login', body],
    ];
    // Before a location is found it is the server's matter.
    if (isOurs) cases.push([404, '/'], [404, '/3cx-relay-refused'], [414, `/relay/${'x'.repeat(20_000)}`]);
    for (const [status, ...asked] of cases) {
      const answer = await ask(...asked);
      expect(answer, asked[0]).toMatchObject({
        status,
        headers: {
          'content-type': 'application/problem+json',
          'x-content-type-options': 'nosniff',
          'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        },
      });
      expect(answer.headers['strict-transport-security'], asked[0]).toBe(hsts);
      expect(JSON.parse(answer.body)).toMatchObject({ status });
    }
    expect(await ask('/admin')).toMatchObject({
      status: 308,
      headers: { location: `${site.prefix}/admin/`, 'x-content-type-options': 'nosniff' },
    });
  });

  test('one address has only so many requests at a time, but for the server of a PBX', async () => {
    const waiting: (() => void)[] = [];
    const relay = createHttpServer((_, response) => waiting.push(() => response.end())).listen(
      ports.relay,
      '127.0.0.1',
    );
    await once(relay, 'listening');
    try {
      const first = Array.from({ length: LIMIT_HERE }, () => ask('/relay/events'));
      await waitFor(() => waiting.length === LIMIT_HERE, { what: 'the relay to have the first requests' });
      const next = ask('/relay/events');
      const isRefused = site.name !== 'beside a 3CX';
      if (isRefused)
        expect(await next).toMatchObject({ status: 429, headers: { 'content-type': 'application/problem+json' } });
      else await waitFor(() => waiting.length > LIMIT_HERE, { what: 'the relay to have the next one, too' });
      for (const answer of waiting) answer();
      for (const { status } of await Promise.all(first)) expect(status).toBe(200);
      expect((await next).status).toBe(isRefused ? 429 : 200);
    } finally {
      relay.closeAllConnections();
      await new Promise(resolve => relay.close(resolve));
    }
  });

  test('what the relay says passes as it is', async () => {
    const own = { 'content-security-policy': "default-src 'self'", 'x-content-type-options': 'nosniff' };
    const cookie = 'relay_stream=x; Path=/relay/events/stream';
    const relay = createHttpServer((_, response) => {
      response.writeHead(404, {
        ...own,
        'strict-transport-security': 'max-age=1',
        'content-type': 'text/plain',
        'set-cookie': cookie,
      });
      response.end('its own words');
    }).listen(ports.relay, '127.0.0.1');
    await once(relay, 'listening');
    try {
      const answer = await ask('/relay/nothing');
      expect(answer).toMatchObject({ status: 404, headers: own, body: 'its own words' });
      // But for the path of a cookie, which must be the one that the browser knows.
      expect(answer.headers['set-cookie']).toEqual([`relay_stream=x; Path=${site.prefix}/relay/events/stream`]);
      // The PBX's host is for the PBX to bind.
      expect(answer.headers['strict-transport-security']).toBe(site.name === 'beside a 3CX' ? undefined : 'max-age=1');
    } finally {
      await new Promise(resolve => relay.close(resolve));
    }
  });

  // Beside a 3CX TLS is that of its nginx.
  test.skipIf(site.name === 'beside a 3CX')(
    'TLS is 1.2 or 1.3, with forward secrecy and authenticated encryption',
    async () => {
      const suiteOf = async (options: ConnectionOptions) => {
        const socket = connect({ host: '127.0.0.1', port: ports.tls, rejectUnauthorized: false, ...options });
        try {
          await once(socket, 'secureConnect');
          return `${socket.getProtocol()} ${socket.getCipher().standardName}`;
        } catch (error) {
          return (error as NodeJS.ErrnoException).code;
        } finally {
          socket.destroy();
        }
      };
      // The least that OpenSSL lets this client do, so that it is the server who refuses.
      const offer = (ciphers: string, version: SecureVersion = 'TLSv1.2') =>
        suiteOf({ ciphers: `${ciphers}@SECLEVEL=0`, minVersion: version, maxVersion: version });
      expect(await suiteOf({})).toMatch(/^TLSv1\.3 TLS_(AES|CHACHA20)/);
      expect(await offer('ALL:')).toMatch(/^TLSv1\.2 TLS_ECDHE_ECDSA_WITH_(AES_(128|256)_GCM|CHACHA20)/);
      for (const refused of [
        'ECDHE-ECDSA-AES128-SHA',
        'ECDHE-ECDSA-AES256-SHA384',
        'ECDHE-ECDSA-AES128-CCM',
        'AES128-GCM-SHA256',
      ])
        expect(await offer(`${refused}:`), refused).toBe('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE');
      for (const version of ['TLSv1', 'TLSv1.1'] as const)
        expect(await offer('ALL:', version), version).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    },
  );
});

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
}

/** By the functions that the installer uses itself. */
function rendered(kind: 'site' | 'snippet', prefix: string, port: number, folder: string): string {
  const script = '. "$SOURCE/install/steps/common.sh"; . "$SOURCE/install/steps/nginx.sh"; nginx_text';
  mkdirSync(join(folder, 'scratch'));
  const choices = {
    SOURCE: root.replace(/\/$/, ''),
    SCRATCH: join(folder, 'scratch'),
    NGINX: kind,
    PUBLIC_PATH: prefix,
    PORT: String(port),
    SERVER_NAME: 'relay.example.com',
    TLS_CERT: join(folder, 'cert.pem'),
    TLS_KEY: join(folder, 'key.pem'),
    ...{ PREFIX: '/opt/3cx-relay', CONFIG: '/etc/3cx-relay', RELAY_USER: '3cx-relay', POSTGRES_UNIT: '' },
  };
  const { status, stdout, stderr } = spawnSync('sh', ['-euc', script], {
    encoding: 'utf8',
    env: { ...process.env, ...choices },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
