import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { createCertificate } from '../harness/test-certificate.ts';
import { ROOT } from './offline-folder.ts';

/**
 * The compose file for production as an operator runs it, with an image of this checkout: under a name of its own, with
 * secrets made by its script, and beside it a simulated PBX in the network that leads outside.
 */
export interface ContainerStack {
  /** Where nginx is reached, on 127.0.0.1. */
  readonly httpsPort: number;
  readonly project: string;
  /** What make-secrets.sh made, by file; not the file for Redis alone, but every one. */
  secretFiles(): Readonly<Record<string, string>>;
  /** `docker compose …` to its end. Rejects with its output when it fails. */
  compose(...args: readonly string[]): Promise<string>;
  /** Any other command of the engine. */
  docker(...args: readonly string[]): Promise<string>;
  /** Ids of the containers of a service, also of those that ended. */
  containersOf(service: string): Promise<string[]>;
  /** The control API of the simulated PBX. */
  sim<Answer>(path: string, body?: object): Promise<Answer>;
  /** `openssl` anew: another certificate in the same files. */
  renewCertificate(): void;
  remove(): Promise<void>;
}

export const IMAGE = '3cx-relay-test/relay';
const CLIENT_SECRET = 'a-secret-of-the-pbx';
const STAND_INS = ['node:24-bookworm-slim', 'redis:7', 'postgres:17', 'nginx:stable'];
const BUILD_MS = 1_200_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const COMPOSE_FOLDER = join(ROOT, 'install/container');
/** Another than that of an installation on this machine. */
const SUBNET = '172.30.83.0/24';

/** Why no containers can be run here; null when they can. */
export function whyNoContainers(): string | null {
  const works = (...args: readonly string[]) => {
    try {
      execFileSync('docker', args, { stdio: 'ignore', timeout: 20_000 });
      return true;
    } catch {
      return false;
    }
  };
  if (!works('info')) return 'no Docker engine answers (apt-get install docker.io, then dockerd)';
  if (!works('compose', 'version')) return 'Docker has no compose plugin (2.30 or later)';
  return null;
}

/** Once for a version: some minutes, and some more for images that cannot be pulled. */
export function prepareImages(): void {
  const build = { stdio: 'inherit', timeout: BUILD_MS } as const;
  const missing = STAND_INS.filter(name => !isHere(name));
  if (missing.length > 0) {
    const script = fileURLToPath(new URL('build-stand-ins.sh', import.meta.url));
    execFileSync('sh', [script], build);
  }
  const dockerfile = join(COMPOSE_FOLDER, 'Dockerfile');
  const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].flatMap(name => ['--build-arg', name]);
  const context = makeContext();
  try {
    execFileSync(
      'docker',
      ['build', '--network', 'host', ...proxies, '--file', dockerfile, '--tag', IMAGE, context],
      // Without BuildKit, which is a package of its own in many places.
      { ...build, env: { ...process.env, DOCKER_BUILDKIT: '0' } },
    );
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** What BuildKit would take of the checkout: the builder before it does not read `Dockerfile.dockerignore`. */
function makeContext(): string {
  const folder = mkdtempSync(join(tmpdir(), '3cx-relay-test-context-'));
  const lines = readFileSync(join(COMPOSE_FOLDER, 'Dockerfile.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => !/^(#|$|\*$)/.test(line));
  const ignored = lines.filter(line => !line.startsWith('!'));
  const isWanted = (path: string) => !ignored.some(pattern => matchesGlob(relative(ROOT, path), pattern));
  for (const [, path = ''] of lines.map(line => line.split('!'))) {
    if (path !== '') cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: isWanted });
  }
  return folder;
}

function isHere(image: string): boolean {
  return execFileSync('docker', ['images', '--quiet', image], { encoding: 'utf8' }).trim() !== '';
}

export async function prepareStack(): Promise<ContainerStack> {
  const project = `3cx-relay-test-${randomBytes(4).toString('hex')}`;
  const httpsPort = await findFreePort();
  const folder = mkdtempSync(join(tmpdir(), `${project}-`));
  for (const name of readdirSync(COMPOSE_FOLDER)) {
    if (/^(secrets|tls|.*\.test\.ts)$/.test(name)) continue;
    cpSync(join(COMPOSE_FOLDER, name), join(folder, name));
  }
  execFileSync('sh', [join(folder, 'make-secrets.sh')], { stdio: 'pipe' });
  fillIn(join(folder, 'secrets/pbx.env'), { PBX_URL: 'http://pbx:5001', CLIENT_ID: 'relay', CLIENT_SECRET });
  writeFileSync(join(folder, 'pbx.json'), JSON.stringify(composeOfPbx()));
  const renewCertificate = () => makeCertificate(join(folder, 'tls'));
  renewCertificate();

  const env = { ...process.env, RELAY_IMAGE: IMAGE, RELAY_HTTPS_PORT: String(httpsPort), RELAY_INSIDE_SUBNET: SUBNET };
  const docker = (...args: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      const child = execFile('docker', args, { env, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
        if (error) reject(new Error(`docker ${args.join(' ')} failed\n${stdout}${stderr}`));
        else resolve(stdout);
      });
      child.stdin?.end();
    });
  const files = ['docker-compose.yml', 'pbx.json'].flatMap(name => ['--file', join(folder, name)]);
  const compose = (...args: readonly string[]) => docker('compose', '--project-name', project, ...files, ...args);
  return {
    httpsPort,
    project,
    secretFiles: () =>
      Object.fromEntries(
        readdirSync(join(folder, 'secrets')).map(name => [name, readFileSync(join(folder, 'secrets', name), 'utf8')]),
      ),
    compose,
    docker,
    containersOf: async service => (await compose('ps', '--all', '--quiet', service)).split('\n').filter(Boolean),
    async sim(path, body) {
      const address = (await compose('port', 'pbx', '5001')).trim();
      const response = await fetch(`http://${address}${path}`, {
        ...(body === undefined
          ? {}
          : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json() as never;
    },
    renewCertificate,
    async remove() {
      await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '5');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What is well is not said to be ill because the machine has much else to do. */
const PATIENCE = { interval: '15s', timeout: '60s', start_period: '300s' };

/** The simulator needs packages that the image does not have: it runs from this checkout. */
function composeOfPbx() {
  const patient = { healthcheck: PATIENCE };
  return {
    services: {
      ...{ ingest: patient, relay: patient, worker: patient, redis: patient, postgres: patient, nginx: patient },
      pbx: {
        image: IMAGE,
        command: ['test/install/pbx-in-container.ts'],
        working_dir: '/checkout',
        // Whoever the checkout belongs to: it may be closed to others.
        user: '0:0',
        init: true,
        volumes: [`${ROOT}:/checkout:ro`],
        environment: {
          ...{ SIM_CLIENT_ID: 'relay', SIM_CLIENT_SECRET: CLIENT_SECRET, SIM_CALLS_PER_MINUTE: '0' },
          // Calls of seconds: what was said of all of them is looked at when the last one is over.
          SIM_TIME_SCALE: '0.02',
        },
        networks: ['outside'],
        ports: ['127.0.0.1::5001'],
        healthcheck: {
          test: ['CMD', 'node', '--eval', `fetch('http://127.0.0.1:5001/sim/health').catch(() => process.exit(1))`],
          ...PATIENCE,
        },
      },
    },
  };
}

/** Of a file with `KEY=` lines; a key that has none is added. */
function fillIn(path: string, values: Readonly<Record<string, string>>): void {
  const before = existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
  const all = { ...before, ...values };
  writeFileSync(
    path,
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
}

function makeCertificate(folder: string): void {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  createCertificate({ key: `${key}.new`, cert: `${certificate}.new` }, 'pbx.example.com');
  // As an operator is told to: readable in the container, and kept from others by the folder.
  for (const file of [key, certificate]) execFileSync('install', ['-m', '644', `${file}.new`, file]);
  for (const file of [key, certificate]) rmSync(`${file}.new`);
}
