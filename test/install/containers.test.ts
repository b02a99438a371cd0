import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { callsPlayed, foldEntries, judge } from '../harness/ground-truth.ts';
import { compare, framesSent } from '../harness/ledger.ts';
import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ContainerStack, IMAGE, prepareImages, prepareStack, whyNoContainers } from './container-stack.ts';
import { ROOT } from './offline-folder.ts';
import { createWeb, type Web } from './web.ts';

/** The whole life of the product in containers: the compose file for production in a real engine. It takes some ten minutes. */
const reason = whyNoContainers();
if (reason !== null) console.warn(`\n  ! The containers are NOT tested here: ${reason}.\n`);

const CALLS_PER_MINUTE = 30;
const SERVICES = ['ingest', 'relay', 'worker', 'redis', 'postgres', 'nginx'];
type Told = ReturnType<Web['events']>['messages'][number];
const PASSWORD = 'correct horse battery staple';

describe.skipIf(reason !== null)('in containers', () => {
  let stack: ContainerStack;
  let web: Web;
  let apiKey = '';
  /** What the last client that was looked at had been told. */
  let told: readonly Told[] = [];
  /** What nobody may find where it does not belong. */
  const secrets: string[] = [PASSWORD];

  beforeAll(async () => {
    prepareImages();
    stack = await prepareStack();
    web = createWeb('127.0.0.1', '', stack.httpsPort);
  });
  afterAll(() => stack?.remove());

  const exec = (service: string, script: string, index = 1) =>
    stack.compose('exec', '-T', '--index', String(index), service, 'sh', '-c', script);
  const traffic = (callsPerMinute: number) => stack.sim('/sim/traffic', { callsPerMinute });
  const pbx = { sim: (_, path) => stack.sim(path) } as System;
  const shell = (...command: readonly string[]) => stack.compose('run', '--rm', '-T', 'shell', ...command);

  /** As `docker compose up` is documented, with `more`; there is an image already. */
  const up = (...more: readonly string[]) => stack.compose('up', '--detach', '--no-build', '--wait', ...more);

  /** One command of those at the top of the compose file that is run in the shell service. */
  function documented(part: string): string[] {
    const head = readFileSync(join(ROOT, 'install/container/docker-compose.yml'), 'utf8');
    const [, command] = new RegExp(`^#\\s+docker compose run --rm shell (.*${part}.*)$`, 'm').exec(head) ?? [];
    if (command === undefined) throw new Error(`the compose file tells no command with ${part}`);
    return command.split(' ');
  }

  /** From a container that is in the network of the services and is none of them. */
  async function fromInside<Answer>(script: string): Promise<Answer> {
    const network = `${stack.project}_inside`;
    const args = ['run', '--rm', '--network', network, IMAGE, '--input-type=module', '--eval', script];
    return JSON.parse(await stack.docker(...args));
  }

  /** What the PBX played and sent until now is what a client was told that has seen everything since the beginning. */
  async function expectNothingMissing(socket: ReturnType<Web['events']>): Promise<void> {
    await traffic(0);
    const entries = () => socket.messages.map(message => ({ ...message, body: JSON.stringify(message) }));
    const isSilent = async () => (await stack.sim<{ active: unknown[] }>('/sim/state')).active.length === 0;
    await waitFor(isSilent, { what: 'the calls to end', timeoutMs: 120_000, everyMs: 1_000 });
    const ledger = async () => compare(await framesSent(pbx), entries());
    await waitFor(async () => (await ledger()).missing.length === 0, {
      what: 'every frame to be told',
      timeoutMs: 60_000,
      everyMs: 2_000,
    }).catch(() => undefined);
    expect(await ledger()).toMatchObject({ missing: [], unexpected: [] });
    const played = await callsPlayed(pbx);
    const verdict = await waitFor(
      () => {
        const found = judge(played, foldEntries(entries()));
        return found.lost.length === 0 ? found : null;
      },
      { what: 'every call to be told', timeoutMs: 60_000, everyMs: 2_000 },
    );
    expect(verdict.found).toBe(played.length);
    expect(socket.losses).toEqual([]);
    const ids = socket.messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
    told = [...socket.messages];
    await traffic(CALLS_PER_MINUTE);
  }

  test('with the secrets of make-secrets.sh and a certificate every service becomes healthy', async () => {
    const files = stack.secretFiles();
    expect(Object.keys(files).toSorted()).toEqual(
      ['admin.env', 'owner.env', 'pbx.env', 'postgres-password', 'redis.conf', 'relay.env'].toSorted(),
    );
    const made =
      Object.values(files)
        .join('\n')
        .match(/[0-9a-f]{48,}/g) ?? [];
    expect(new Set(made).size).toBe(5);
    secrets.push(...made, parseEnv(files['pbx.env'] ?? '').CLIENT_SECRET ?? '');
    await up();
    for (const service of SERVICES) {
      const [id = ''] = await stack.containersOf(service);
      expect((await stack.docker('inspect', '--format', '{{.State.Health.Status}}', id)).trim(), service).toBe(
        'healthy',
      );
    }
    await waitFor(() => exec('ingest', 'node install/container/healthcheck.js /readyz'), {
      what: 'ingest to reach the PBX',
      timeoutMs: 60_000,
      everyMs: 1_000,
    });
  });

  test.each(SERVICES)('%s has no capability and no root, and none can be got there, nor a file written', async name => {
    const status = await exec(name, 'cat /proc/1/status');
    const value = (key: string) => new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(status)?.[1];
    for (const key of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(value(key), key).toBe('0'.repeat(16));
    expect(value('Uid')?.split('\t')).toSatisfy((uids: string[]) => uids.every(uid => Number(uid) > 0));
    expect(value('NoNewPrivs')).toBe('1');
    expect(await exec(name, "grep ' / ' /proc/mounts")).toMatch(/^\S+ \/ \S+ ro,/m);
    expect(await exec(name, 'for folder in / /etc /tmp; do ! touch $folder/x 2>/dev/null || echo $folder; done')).toBe(
      '/tmp\n',
    );
  });

  test('each service sees the secrets that it needs and no others', async () => {
    const seen = async (name: string) => (await exec(name, 'ls /run/secrets')).trim().split(/\s+/);
    expect(await seen('ingest')).toEqual(['pbx.env', 'relay.env']);
    expect(await seen('relay')).toEqual(['admin.env', 'relay.env']);
    expect(await seen('worker')).toEqual(['owner.env', 'relay.env']);
    expect(await seen('redis')).toEqual(['redis.conf']);
    expect(await seen('postgres')).toEqual(['owner.env', 'postgres-password', 'relay.env']);
    const shared = parseEnv(await exec('worker', 'cat /run/secrets/relay.env'));
    expect(Object.keys(shared).toSorted()).toEqual(['DATABASE_URL', 'REDIS_URL']);
  });

  test('the documented command makes the first admin, who signs in through nginx over TLS', async () => {
    const made = await shell(...documented('user create'));
    const { temporaryPassword: temporary } = JSON.parse(made);
    secrets.push(temporary);
    const first = await web.ask('POST', '/admin/login', { body: { username: 'admin', password: temporary } });
    expect(first).toMatchObject({ status: 200 });
    const { csrfToken, user } = JSON.parse(first.body);
    expect(user).toMatchObject({ role: 'admin', mustChangePassword: true });
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Secure/);
    const headers = { cookie: cookie.split(';')[0] ?? '', 'x-csrf-token': csrfToken };
    const changed = await web.ask('POST', '/admin/account/password', {
      headers,
      body: { currentPassword: temporary, newPassword: PASSWORD },
    });
    expect(changed).toMatchObject({ status: 204 });
    expect(await web.ask('GET', '/admin/')).toMatchObject({ status: 200 });
    const stats = await web.ask('GET', '/admin/stats', { headers: { cookie: headers.cookie } });
    expect(stats).toMatchObject({ status: 200 });
  });

  test('a client with a key made in the shell sees calls as they happen, and reads the same again by REST', async () => {
    // Not before ingest hears it: a call that is over by then is told by nobody.
    await traffic(CALLS_PER_MINUTE);
    const made = await shell('install/cli/main.ts', 'key', 'create', '--name', 'test', '--permissions', 'read,history');
    apiKey = /3cxr_[0-9a-f]{64}/.exec(made)?.[0] ?? '';
    expect(apiKey).not.toBe('');
    secrets.push(apiKey);
    const socket = web.events(apiKey);
    const since = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > since && socket.messages.length > 20, {
      what: 'live events',
      timeoutMs: 60_000,
    });
    socket.stop();
    const live = socket.messages.map(({ id }) => id);
    const page = await web.ask('GET', '/relay/events?channel=calls&after=start&limit=1000', {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect(page).toMatchObject({ status: 200 });
    const again = JSON.parse(page.body).events.map(({ id }: { id: string }) => id);
    expect(again.slice(0, live.length)).toEqual(live.slice(0, again.length));
  });

  test('a relay that is killed comes back, and the client goes on at its position', async () => {
    const socket = web.events(apiKey);
    await waitFor(() => socket.messages.length > 20, { what: 'events', timeoutMs: 30_000 });
    const [relay = ''] = await stack.containersOf('relay');
    const startedAt = () => stack.docker('inspect', '--format', '{{.State.StartedAt}} {{.State.Health.Status}}', relay);
    const before = await startedAt();
    // As the kernel does it that has no memory left: the engine itself takes its own kill for a wish that it stays away.
    await exec('relay', 'kill -9 $(cat /proc/1/task/1/children)').catch(() => undefined);
    await waitFor(async () => (await startedAt()) !== before && (await startedAt()).includes(' healthy'), {
      what: 'the relay to be back',
      timeoutMs: 120_000,
      everyMs: 1_000,
    });
    const since = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > since, {
      what: 'the client to follow live again',
      timeoutMs: 60_000,
    });
    await expectNothingMissing(socket);
    socket.stop();
  });

  test('of two relays nginx finds both', async () => {
    await up('--scale', 'relay=2', '--no-recreate');
    expect(await stack.containersOf('relay')).toHaveLength(2);
    // Asked anew every five seconds.
    const sockets: ReturnType<Web['events']>[] = [];
    const clients = async (index: number) => {
      const script = `fetch('http://127.0.0.1:8083/metrics').then(got => got.text()).then(text => console.log(text))`;
      const metrics = await exec('relay', `node --eval "${script}"`, index);
      return [...metrics.matchAll(/^relay_clients(?:\{.*\})? (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    };
    await waitFor(
      async () => {
        sockets.push(web.events(apiKey));
        return (await clients(1)) > 0 && (await clients(2)) > 0;
      },
      { what: 'both relays to have clients', timeoutMs: 60_000, everyMs: 1_000 },
    );
    for (const socket of sockets) socket.stop();
  });

  test('Prometheus finds the metrics of every container by the names of its configuration', async () => {
    const config = parse(readFileSync(join(ROOT, 'install/prometheus/scrape-containers.yml'), 'utf8'));
    const [{ names, port }] = config.scrape_configs[0].dns_sd_configs;
    expect(names).toEqual(['ingest', 'relay', 'worker']);
    const found = await fromInside<Record<string, string[]>>(`
      import { resolve4 } from 'node:dns/promises';
      const services = {};
      for (const name of ${JSON.stringify(names)}) {
        const answers = (await resolve4(name)).map(ip => fetch('http://' + ip + ':${port}/metrics'));
        const texts = await Promise.all(answers.map(async answer => (await answer).text()));
        services[name] = texts.map(text => /^relay_ready\\{.*service="(\\w+)".*\\} \\d$/m.exec(text)?.[1]);
      }
      console.log(JSON.stringify(services));
    `);
    expect(found).toEqual({ ingest: ['ingest'], relay: ['relay', 'relay'], worker: ['worker'] });
  });

  test('Redis that is started again loses nothing that it acknowledged', async () => {
    const socket = web.events(apiKey);
    await traffic(120);
    const since = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > since, {
      what: 'the client to follow live',
      timeoutMs: 60_000,
    });
    await stack.compose('restart', 'redis');
    const backAt = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > backAt, {
      what: 'the log to go on',
      timeoutMs: 60_000,
    });
    await expectNothingMissing(socket);
    socket.stop();
  });

  test('a certificate that was renewed is there when nginx is started again', async () => {
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port: stack.httpsPort, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await shown();
    stack.renewCertificate();
    await stack.compose('restart', 'nginx');
    expect(await waitFor(shown, { what: 'nginx to be back', timeoutMs: 30_000 })).not.toBe(before);
  });

  test('no secret stands in what the engine tells of containers and image, nor in their logs', async () => {
    const tool = `${stack.project}-tool`;
    await stack.compose('run', '--detach', '--name', tool, 'shell', '--eval', 'setTimeout(() => {}, 60_000)');
    // The PBX is none of ours, and is told its secret by its environment.
    const ids = (await Promise.all(SERVICES.map(service => stack.containersOf(service)))).flat();
    const told = await stack.docker('inspect', tool, IMAGE, ...ids);
    await stack.docker('rm', '--force', tool);
    const logs = await stack.compose('logs', '--no-color');
    // Two relays.
    expect(ids.length).toBeGreaterThan(SERVICES.length);
    expect(logs).toContain('relay: started');
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(8);
      expect(told.includes(secret), secret).toBe(false);
      expect(logs.includes(secret), secret).toBe(false);
    }
  });

  test('told to go down, everything stops by itself and in time', async () => {
    const since = new Date().toISOString();
    await stack.compose('down');
    const filters = ['--filter', 'type=container', '--filter', 'event=die'];
    const format = '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}';
    const until = new Date().toISOString();
    const ended = await stack.docker('events', '--since', since, '--until', until, ...filters, '--format', format);
    const codes = ended
      .trim()
      .split('\n')
      .filter(line => line.startsWith(stack.project))
      .map(line => line.slice(stack.project.length + 1))
      .filter(line => !line.startsWith('pbx'));
    expect(codes.toSorted()).toEqual(
      ['ingest-1 0', 'nginx-1 0', 'postgres-1 0', 'redis-1 0', 'relay-1 0', 'relay-2 0', 'worker-1 0'].toSorted(),
    );
  });

  test('up again, the history is there and the key is good', async () => {
    await up();
    // The PBX is a new one, which plays nothing by itself.
    await traffic(CALLS_PER_MINUTE);
    const socket = web.events(apiKey);
    const since = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > since, {
      what: 'everything since the beginning, and what happens now',
      timeoutMs: 120_000,
    });
    expect(socket.losses).toEqual([]);
    const ids = new Set(socket.messages.map(({ id }) => id));
    expect(told.filter(({ id }) => !ids.has(id))).toEqual([]);
    socket.stop();
    const signIn = await web.ask('POST', '/admin/login', { body: { username: 'admin', password: PASSWORD } });
    expect(signIn).toMatchObject({ status: 200 });
  });
});
