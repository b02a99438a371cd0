import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { waitFor } from '../../test/harness/wait-for.ts';
import { findFreePort } from '../dev/system/ports.ts';

interface Service {
  readonly image: string;
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly restart?: string;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly user?: string;
  readonly ports?: readonly string[];
  readonly privileged?: boolean;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly command?: readonly string[];
  readonly networks?: readonly string[];
}

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};
const services = Object.entries(compose.services);
const OURS = ['ingest', 'relay', 'worker', 'shell'];

it.each(services)('%s has no capability, no way to get one, and a root that cannot be written', (_, service) => {
  expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] });
  expect(service.security_opt).toContain('no-new-privileges:true');
  expect(service.privileged).toBeUndefined();
  // Ours are no root by their image; the others are told.
  if (!service.image.includes('3cx-relay')) expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

it.each(services.filter(([name]) => name !== 'shell'))('%s comes back by itself', (_, { restart }) => {
  expect(restart).toBe('unless-stopped');
});

it('whoever is waited for says whether he is well', () => {
  for (const name of ['redis', 'postgres', 'relay', 'nginx']) {
    expect(compose.services[name]?.healthcheck?.test, name).toBeDefined();
  }
});

it('only nginx is reachable from outside, and Redis and PostgreSQL are in a network that ends here', () => {
  expect(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(['nginx']);
  expect(compose.networks.inside?.internal).toBe(true);
  for (const name of ['redis', 'postgres', 'relay', 'worker']) {
    expect(compose.services[name]?.networks).toEqual(['inside']);
  }
});

it('secrets are files: none stands in an environment, and the owner of the tables is for the worker alone', () => {
  const text = services.flatMap(([, { environment }]) => Object.entries(environment ?? {}));
  expect(text.filter(([key]) => /PASSWORD$|SECRET$|_URL$/.test(key))).toEqual([]);
  const owners = services.filter(([, { secrets }]) => secrets?.includes('owner.env')).map(([name]) => name);
  expect(owners).toEqual(['worker', 'postgres']);
});

it('what signs in to the PBX is for ingest alone, what signs sessions of the panel for the relays', () => {
  const seers = (file: string) => services.filter(([, { secrets }]) => secrets?.includes(file)).map(([name]) => name);
  // The shell is the operator's.
  expect(seers('pbx.env')).toEqual(['ingest', 'shell']);
  expect(seers('admin.env')).toEqual(['relay', 'shell']);
});

it('Redis has on disk what it acknowledged, and refuses instead of forgetting', () => {
  const command = compose.services.redis?.command?.join(' ') ?? '';
  expect(command).toContain('--appendonly yes --appendfsync always');
  expect(command).toContain('--maxmemory-policy noeviction');
});

it('the image is not root, has a health check, and each command of ours is a file', () => {
  const dockerfile = read('Dockerfile');
  expect(dockerfile).toMatch(/^USER \$\{UID\}:\$\{UID\}$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  for (const name of OURS) {
    const [file] = compose.services[name]?.command ?? ['services/relay/main.ts'];
    expect(() => read(`../../${file}`), name).not.toThrow();
  }
});

it('what the builder is given leaves out secrets, data and packages of the checkout', () => {
  const [first, ...lines] = read('Dockerfile.dockerignore')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'));
  expect(first).toBe('*');
  expect(lines).toContain('**/node_modules');
  expect(lines.filter(line => line.startsWith('!') && /secret|\.env$|\.data/.test(line))).toEqual([]);
});

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis)
  console.warn('redis-server is not here: whether that of the containers asks for a password is NOT tested');

describe('make-secrets.sh', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secrets-'));
    copyFileSync(fileURLToPath(new URL('make-secrets.sh', import.meta.url)), join(folder, 'make-secrets.sh'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const make = () => spawnSync('sh', [join(folder, 'make-secrets.sh')], { encoding: 'utf8' });
  const secret = (name: string) => readFileSync(join(folder, 'secrets', name), 'utf8');
  const redisUrl = () => new URL(parseEnv(secret('relay.env')).REDIS_URL ?? '');

  it('makes different passwords, which only the folder keeps from others, and overwrites none', () => {
    expect(make()).toMatchObject({ status: 0, stderr: '' });
    const files = Object.values(compose.secrets).map(({ file }) => file.replace('secrets/', ''));
    const before = files.map(secret);
    const passwords = before.join('\n').match(/[0-9a-f]{48,}/g) ?? [];
    // ADMIN_SECRET, two roles and the superuser of PostgreSQL, and that of Redis, which both sides have.
    expect(new Set(passwords).size).toBe(5);
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    expect(make().status).toBe(1);
    expect(files.map(secret)).toEqual(before);
  });

  it('writes apart what one service alone needs, and the file that has all its fellows is the last to be there', () => {
    make();
    const keys = (name: string) => Object.keys(parseEnv(secret(name))).toSorted();
    expect(keys('relay.env')).toEqual(['DATABASE_URL', 'REDIS_URL']);
    expect(keys('pbx.env')).toEqual(['CLIENT_ID', 'CLIENT_SECRET', 'FQDN']);
    expect(keys('admin.env')).toEqual(['ADMIN_SECRET']);
    // A run that was cut off left no relay.env, and is made again as a whole.
    for (const name of ['relay.env', 'owner.env']) rmSync(join(folder, 'secrets', name));
    expect(make().status).toBe(0);
    expect(keys('owner.env')).toEqual(['DATABASE_URL']);
  });

  it('adds to secrets from before the files of one service, empty, and what stands in relay.env stays there', () => {
    mkdirSync(join(folder, 'secrets'));
    const old = 'FQDN=pbx.example.com\nREDIS_URL=redis://default:theirs@redis:6379\nADMIN_SECRET=theirs\n';
    writeFileSync(join(folder, 'secrets/relay.env'), old);
    writeFileSync(join(folder, 'secrets/redis.conf'), 'requirepass theirs\n');
    expect(make()).toMatchObject({ status: 0, stderr: '' });
    expect(secret('relay.env')).toBe(old);
    for (const name of ['pbx.env', 'admin.env']) expect(parseEnv(secret(name))).toEqual({});
    expect(make().status).toBe(1);
  });

  it('adds to secrets from before what Redis asks for, and touches nothing else in them', () => {
    mkdirSync(join(folder, 'secrets'));
    const old = '# mine\nFQDN=pbx.example.com\nREDIS_URL=redis://redis:6379\n\nADMIN_SECRET=a&b|c\n\n';
    writeFileSync(join(folder, 'secrets/relay.env'), old);
    expect(make()).toMatchObject({ status: 0, stderr: '' });
    expect(secret('redis.conf')).toBe(`requirepass ${redisUrl().password}\n`);
    expect(secret('relay.env').replace(redisUrl().href, 'redis://redis:6379')).toBe(old);
    // A run that was cut off between the two is completed, with the password that is there.
    const made = secret('relay.env');
    writeFileSync(join(folder, 'secrets/relay.env'), old);
    expect(make().status).toBe(0);
    expect(secret('relay.env')).toBe(made);
    expect(make().status).toBe(1);
    // A Redis of somebody else's stays.
    const theirs = old.replace('redis://redis:6379', 'rediss://cache.example.com:6380');
    writeFileSync(join(folder, 'secrets/relay.env'), theirs);
    rmSync(join(folder, 'secrets/redis.conf'));
    expect(make().status).toBe(0);
    expect(secret('relay.env')).toBe(theirs);
    expect(secret('redis.conf')).toMatch(/^requirepass [0-9a-f]{48}\n$/);
  });

  it.skipIf(!hasRedis)('Redis answers nobody without the password, and the health check has it', async () => {
    make();
    const { command = [], healthcheck } = compose.services.redis ?? {};
    const here = (text: string) =>
      text.replaceAll('/run/secrets', join(folder, 'secrets')).replace(/\$\{\w+:-(\w+)\}/, '$1');
    expect(command.join(' ')).not.toContain('requirepass');
    const port = await findFreePort();
    const [program = '', ...args] = command.map(here);
    const redis = spawn(program, [...args, '--port', String(port), '--dir', folder], { stdio: 'ignore' });
    try {
      const ask = (...words: string[]) =>
        spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout;
      await waitFor(() => ask('ping') !== '', { what: 'Redis to answer' });
      expect(ask('ping')).toContain('NOAUTH');
      expect(ask('--no-auth-warning', '-u', `redis://default:${redisUrl().password}@127.0.0.1:${port}`, 'ping')).toBe(
        'PONG\n',
      );
      const check = here(healthcheck?.test?.[1] ?? '')
        .replaceAll('$$', '$')
        .replace('redis-cli', `redis-cli -p ${port}`);
      expect(spawnSync('sh', ['-c', check]).status).toBe(0);
      writeFileSync(join(folder, 'secrets/redis.conf'), 'requirepass another\n');
      expect(spawnSync('sh', ['-c', check]).status).not.toBe(0);
    } finally {
      redis.kill();
      await once(redis, 'exit');
    }
  });
});
