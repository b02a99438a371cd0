import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

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
  readonly healthcheck?: { readonly test?: unknown; readonly disable?: boolean };
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
