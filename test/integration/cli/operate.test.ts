import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callCommandLine, runCommandLine } from '../../harness/command-line.ts';
import { adminSecret } from '../../harness/relay.ts';
import { type System, startSystem } from '../../harness/system.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** doctor, status and support-bundle, on a whole system that looks as if install.sh had made it. */
const TIMEOUT_MS = 90_000;
const PLANTED = {
  number: '+49 30 55501234',
  bare: '004930555012345',
  secret: 'a-planted-client-secret',
  name: 'Wilhelmina Quast',
  client: 'Planted CRM Ltd',
  user: 'planted.user',
  address: '198.51.100.77',
  token: 'eyJhbGciOiJIUzI1NiJ9.eyJwbGFudGVkIjoxfQ.c2lnbmF0dXJl',
  key: '3cxr_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
};
let system: System;
let dir: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  system = await startSystem();
  dir = mkdtempSync(join(tmpdir(), 'relay-operate-'));
  const [etc, bin, release] = ['etc', 'bin', 'prefix/releases/1.0.0'].map(name => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [etc, bin, release]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(release, 'package.json'), JSON.stringify({ name: '3cx-relay', version: '1.0.0' }));
  writeFileSync(join(release, '.complete'), '');
  await promisify(execFile)('ln', ['-s', 'releases/1.0.0', join(dir, 'prefix/current')]);
  const ports = (['ingest', 'relay', 'worker'] as const).map(
    name => `${name.toUpperCase()}_INTERNAL_PORT=${new URL(system.service(name).internalUrl).port}`,
  );
  const places = [
    `PREFIX=${join(dir, 'prefix')}`,
    `STATE_DIR=${dir}`,
    `BACKUP_DIR=${join(dir, 'backups')}`,
    'NGINX=none',
  ];
  writeFileSync(join(etc, 'install.env'), [...places, ...ports].join('\n'));
  const { host, port } = system.redis.options;
  const settings = {
    DATABASE_URL: system.databaseUrl,
    REDIS_URL: `redis://${host}:${port}`,
    RELAY_URL: system.relayUrl,
    PBX_URL: system.simulatorUrl,
    CLIENT_SECRET: PLANTED.secret,
    ADMIN_SECRET: adminSecret,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"`);
  writeFileSync(join(etc, 'relay.env'), lines.join('\n'), { mode: 0o600 });
  // Of what a unit may do it says nothing: the servers of the suites may be on another address than the loopback.
  script(
    bin,
    'systemctl',
    'case $1 in is-active) shift; for unit; do echo active; done ;; show) ;; *) echo enabled ;; esac',
  );
  script(bin, 'journalctl', `cat "${join(dir, 'journal')}"`);
  writeFileSync(join(dir, 'journal'), journal());
  env = { PATH: `${bin}:${process.env.PATH}`, RELAY_CONFIG_DIR: etc };
}, TIMEOUT_MS);

afterAll(async () => {
  await system?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

function script(bin: string, name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** What a careless line might hold. */
function journal(): string {
  const { number, bare, secret, name, address, token, key } = PLANTED;
  const message = `call from ${number} (${name}) at ${address} with ${secret}, ${token} and ${key}`;
  const line = {
    level: 'info',
    time: '2026-11-29T01:13:38.123Z',
    name: 'ingest',
    caller: name,
    callee: bare,
    msg: message,
  };
  return `${JSON.stringify(line)}\nplain: tel=${bare};secret ${secret} ${PLANTED.client} ${PLANTED.user}\n`;
}

const diagnose = async (...only: string[]) => {
  const args = ['doctor', '--json', ...(only.length === 0 ? [] : ['--only', only.join()])];
  // The whole asks programs of the system, which are found where the environment of its process says.
  const ask = only.length === 0 ? runCommandLine : callCommandLine;
  const { code, output, errors } = await ask(args, env);
  if (output === '') throw new Error(errors);
  const { checks } = JSON.parse(output) as { checks: { name: string; level: string; text: string; fix?: string }[] };
  return { code, checks, level: (name: string) => checks.find(check => check.name === name)?.level };
};

test(
  'the doctor finds a system good that is, and says of everything else what to do',
  async () => {
    const settling = ['pbx-extensions', 'partitions', 'health', 'persister'];
    await waitFor(async () => (await diagnose(...settling)).checks.every(({ level }) => level === 'ok'), {
      what: 'a system that has just started to settle',
      timeoutMs: 40_000,
      everyMs: 500,
    });
    const { code, checks } = await diagnose();
    // Disk and clock are the machine's, and the PostgreSQL of the suites syncs nothing.
    const ofOthers = ['disk', 'clock', 'postgres-settings'];
    const notGood = checks.filter(({ name, level }) => level !== 'ok' && !ofOthers.includes(name));
    expect(notGood.map(({ name, level }) => `${name} ${level}`)).toEqual([
      'public-address unknown',
      'nginx unknown',
      'audit warning',
      'backup warning',
      'keys warning',
      'second-factor failure',
    ]);
    expect(checks.length).toBeGreaterThanOrEqual(25);
    expect(checks.filter(({ level, fix }) => /warning|failure/.test(level) && !fix)).toEqual([]);
    expect(code).toBe(2);
  },
  TIMEOUT_MS,
);

test(
  'the status is one screen, and one line as JSON',
  async () => {
    const [screen, line] = await Promise.all([
      runCommandLine(['status'], env),
      runCommandLine(['status', '--json'], env),
    ]);
    expect(screen).toMatchObject({ code: 0, errors: '' });
    expect(screen.output).toMatch(/health +ok/);
    const status = JSON.parse(line.output);
    expect(status).toMatchObject({
      release: '1.0.0',
      health: 'ok',
      calls: 0,
      pbx: { state: 'connected' },
      missing: [],
    });
    expect(status.units['3cx-relay-ingest.service']).toBe('active');
  },
  TIMEOUT_MS,
);

test(
  'nothing that was planted leaves in a support bundle, and what is needed does',
  async () => {
    await system.postgres.query('UPDATE api_keys SET client_name = $1', [PLANTED.client]);
    await callCommandLine(['user', 'create', '--username', PLANTED.user, '--role', 'viewer'], env, {
      input: 'six purple elephants\n',
    });
    const call = JSON.stringify({ from: { name: PLANTED.name, number: PLANTED.bare } });
    await system.redis.hset(system.keys.calls, 'planted', call);
    const out = join(dir, 'bundle.tar.gz');
    const made = await runCommandLine(['support-bundle', '--out', out], env);
    await system.redis.hdel(system.keys.calls, 'planted');
    expect(made).toMatchObject({ code: 0, errors: '' });
    const { stdout: all } = await promisify(execFile)('tar', ['-xOzf', out], { maxBuffer: 64 * 1024 * 1024 });
    const digits = all.replaceAll(/\D/g, '');
    expect(digits).not.toContain(PLANTED.number.replaceAll(/\D/g, ''));
    for (const value of [...Object.values(PLANTED), adminSecret, system.apiKey]) expect(all).not.toContain(value);
    for (const needed of [
      '"check": "ready-ingest"',
      'call from [number]',
      'process_cpu',
      '"queue": "persist"',
      '0001_first-version',
    ])
      expect(all).toContain(needed);
    expect(readFileSync(out).length).toBeGreaterThan(1_000);
  },
  TIMEOUT_MS,
);

test(
  'when ingest is gone the doctor says which failures that is, with exit code 2',
  async () => {
    await system.service('ingest').kill();
    await waitFor(async () => (await system.redis.exists(system.keys.ingestStatus)) === 0, {
      what: 'the last word of ingest to expire',
      timeoutMs: 15_000,
    });
    const { code, checks } = await diagnose('ready-ingest', 'pbx-socket', 'ready-worker');
    expect([code, checks.map(({ name, level }) => `${name} ${level}`)]).toEqual([
      2,
      ['ready-ingest failure', 'ready-worker ok', 'pbx-socket failure'],
    ]);
  },
  TIMEOUT_MS,
);
