import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const installer = fileURLToPath(new URL('../install.sh', import.meta.url));
const steps = fileURLToPath(new URL('.', import.meta.url));
const me = `${process.getuid?.()}:${process.getgid?.()}`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'steps-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a piece of shell with what every step uses. */
function shell(script: string, env: Record<string, string> = {}) {
  const whole = `set -eu; DRY_RUN=\${DRY_RUN:-}; STEPS=1; . ${steps}/common.sh; ${script}`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', whole], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, output: `${stdout}${stderr}` };
}

test('half a download does nothing', () => {
  const lines = readFileSync(installer, 'utf8').split('\n');
  for (let count = 10; count < lines.length - 2; count += 9) {
    const half = join(folder, 'half.sh');
    writeFileSync(half, lines.slice(0, count).join('\n'));
    expect(spawnSync('sh', [half, '--help'], { encoding: 'utf8' }).stdout).toBe('');
  }
  expect(spawnSync('sh', [installer, '--help'], { encoding: 'utf8' }).stdout).toContain('usage: sudo sh install.sh');
});

test.each([
  [['--nonsense'], 'there is no option --nonsense'],
  [['--prefix'], '--prefix needs a value'],
  [['--offline', '/nowhere'], 'there is no 3cx-relay-<version>.tar.gz in /nowhere'],
])('called wrongly (%s) it says so and ends with 2', (args, message) => {
  const { status, stderr } = spawnSync('sh', [installer, ...args], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toMatch(new RegExp(`${message}|run it as root`));
});

test('a setting that is there stays, an empty one is filled, and what is written is read back as it was', () => {
  const file = join(folder, 'relay.env');
  writeFileSync(file, '# mine\nPORT=9000\nFQDN=\n', { mode: 0o600 });
  const secret = 'a "b" #c $d \\e';
  const script =
    'default_setting relay.env PORT 1; default_setting relay.env FQDN pbx.example.com; default_setting relay.env S "$S"';
  const { output } = shell(script, { S: secret });
  expect(output).not.toContain(secret);
  expect(parseEnv(readFileSync(file, 'utf8'))).toEqual({ PORT: '9000', FQDN: 'pbx.example.com', S: secret });
  expect(readFileSync(file, 'utf8')).toMatch(/^# mine\n/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(shell('setting relay.env S').output).toBe(`${secret}\n`);
});

test('a file that is as it should be is not touched, one that is not is replaced whole', () => {
  const owner = spawnSync('stat', ['-c', '%U:%G', folder], { encoding: 'utf8' }).stdout.trim();
  const put = `printf 'one\\n\\n' >in; put out 640 ${owner} <in`;
  expect(shell(put).output).toContain('write out');
  const before = statSync(join(folder, 'out'), { bigint: true });
  expect(shell(put).output).toBe('');
  expect(statSync(join(folder, 'out'), { bigint: true })).toMatchObject({
    ino: before.ino,
    ctimeNs: before.ctimeNs,
    mtimeNs: before.mtimeNs,
  });
  expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('one\n\n');
  writeFileSync(join(folder, 'out'), 'two');
  expect(shell(put).output).toContain('write out');
  expect(readdirSync(folder).toSorted()).toEqual(['in', 'out']);
});

test('a dry run says what it would do and does it not', () => {
  const script = `echo x >in; put out 600 ${me} <in; link here there; default_setting env A b; folder f 700 ${me}`;
  const { output } = shell(script, { DRY_RUN: 'yes' });
  expect(output.match(/would:/g)).toHaveLength(4);
  expect(readdirSync(folder)).toEqual(['in']);
});

test('what fails stops the run and says in which step', () => {
  const { status, output } = shell("step 'this'; changing 'try it' false; echo went on");
  expect(status).toBe(1);
  expect(output).toMatch(/✗ try it: failed\ninstall.sh stopped in step 1 of 1/);
  expect(output).not.toContain('went on');
});

/** Makes the first user with a `3cx-relay` that only writes down how it was called. */
function firstUser(env: Record<string, string>) {
  mkdirSync(join(folder, 'bin'));
  const program = `#!/bin/sh\ncase $2 in list) echo '{"users":[]}' ;; *) echo "$*" >called; cat >given ;; esac\n`;
  writeFileSync(join(folder, 'bin/3cx-relay'), program, { mode: 0o755 });
  const script = `. ${steps}/settings.sh; . ${steps}/finish.sh; PREFIX=$PWD CONFIG=$PWD SERVICES=worker ADMIN_USER=root ASK=; create_first_user`;
  const { output } = shell(script, { ADMIN_PASSWORD: '', ...env });
  const [called = '', given = ''] = ['called', 'given'].map(name => readFileSync(join(folder, name), 'utf8'));
  return { output, called, given };
}

test('a first password that the installer makes has 128 random bits, is printed, and must be changed', () => {
  const { output, called, given } = firstUser({});
  expect(given).toMatch(/^[0-9a-f]{32}\n$/);
  expect(output).toContain(`password of root: ${given}`);
  expect(called).toBe('user create --username root --role admin --temporary\n');
});

test('a first password that the operator gives is not printed, and stays', () => {
  const { output, called, given } = firstUser({ ADMIN_PASSWORD: 'correct horse battery' });
  expect(given).toBe('correct horse battery\n');
  expect(output).not.toContain('correct horse');
  expect(called).toBe('user create --username root --role admin\n');
});

/** Programs of the system in front of the real ones: what each does, as shell. */
function withPrograms(programs: Record<string, string>): Record<string, string> {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  for (const [name, does] of Object.entries(programs))
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
  return { PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
}

const CLUSTERS = withoutMargin(`
  15  main      5432 online postgres /var/lib/postgresql/15/main      /var/log/postgresql/15.log
  15  3cx_relay 5434 down   postgres /var/lib/postgresql/15/3cx_relay /var/log/postgresql/15-r.log
  17  3cx_relay 5433 online postgres /var/lib/postgresql/17/3cx_relay /var/log/postgresql/17-r.log
  18  main      5435 online postgres /var/lib/postgresql/18/main      /var/log/postgresql/18.log`);

function withoutMargin(text: string): string {
  return text.trim().replaceAll(/^ +/gm, '');
}

test('after pg_upgradecluster the installer goes on with the cluster of the newer version, and a purge drops both', () => {
  const env = { DRY_RUN: 'yes', ...withPrograms({ pg_lsclusters: `cat <<'E'\n${CLUSTERS}\nE`, systemctl: 'exit 3' }) };
  const known = `. ${steps}/postgres.sh; CONFIG=$PWD POSTGRES=own-cluster POSTGRES_CLUSTER=3cx_relay POSTGRES_VERSION=15`;
  const { output } = shell(`${known}; set_up_postgres; echo "$POSTGRES_UNIT"`, env);
  expect(output).toContain('postgresql@17-3cx_relay.service');
  expect(output).not.toContain('PostgreSQL 15');
  const dropped = shell(`. ${steps}/uninstall.sh; ${known}; remove_database`, env).output;
  expect(dropped.match(/cluster 3cx_relay of PostgreSQL \d+/g)).toEqual(
    [15, 17].map(v => `cluster 3cx_relay of PostgreSQL ${v}`),
  );
});

/** What load_choices wants to have been said, with a folder of settings that lies here. */
const CHOICES = [
  'refuse() { echo "refused: $*"; exit 2; }; CONFIG=$PWD SOURCE=$PWD',
  'OPT_PREFIX= OPT_PUBLIC_PATH= OPT_NGINX=none OPT_SERVER_NAME=here OPT_TLS_CERT= OPT_TLS_KEY=',
  `OPT_SERVICES=\${OPT_SERVICES:-} OPT_BACKUP_DAILY=\${OPT_BACKUP_DAILY:-} OPT_DATABASE_URL=\${OPT_DATABASE_URL:-} OPT_REDIS_URL=\${OPT_REDIS_URL:-}`,
].join(' ');
const STORES = { OPT_DATABASE_URL: 'postgres://app@db/relay', OPT_REDIS_URL: 'redis://log' };

function choose(script: string, env: Record<string, string>) {
  writeFileSync(join(folder, 'package.json'), '{\n  "version": "1.0.0",\n}\n');
  return shell(`. ${steps}/services.sh; . ${steps}/uninstall.sh; ${CHOICES}; load_choices; ${script}`, env);
}

test.each([
  ['', 'ingest,relay,worker'],
  ['worker,relay', 'relay,worker'],
  ['relay,relay', 'relay'],
])('of the services "%s" are asked for: this machine has %s, and the next run knows', (asked, has) => {
  expect(choose('echo "$SERVICES"', { ...STORES, OPT_SERVICES: asked }).output).toBe(`${has}\n`);
  writeFileSync(join(folder, 'install.env'), `SERVICES=${has}\nREDIS=external\nPOSTGRES=external\n`);
  expect(choose('echo "$SERVICES"', {}).output).toBe(`${has}\n`);
  const all = choose('echo "$SERVICES"', { OPT_SERVICES: 'ingest,relay,worker' }).output;
  expect(all).toBe('ingest,relay,worker\n');
});

test.each([
  ['relays', STORES, '--services: relays is none of ingest, relay and worker'],
  [',', STORES, '--services names none'],
  ['relay,worker', { ...STORES, OPT_REDIS_URL: '' }, '--redis-url'],
  ['ingest,relay', { ...STORES, OPT_DATABASE_URL: '' }, '--database-url'],
])('services that cannot work on this machine are refused (%s)', (asked, stores, why) => {
  const { status, output } = choose('echo went on', { ...stores, OPT_SERVICES: asked });
  expect(status).toBe(2);
  expect(output).toContain(why);
  expect(output).not.toContain('went on');
});

test('backups are made every night where somebody asked for them, or switched them on since', () => {
  const daily = (env: Record<string, string>) => choose(`echo "$BACKUP_DAILY"`, { ...STORES, ...env }).output.trim();
  expect(daily({})).toBe('');
  expect(daily({ OPT_BACKUP_DAILY: 'yes' })).toBe('yes');
  expect(daily({ OPT_BACKUP_DAILY: 'yes', OPT_SERVICES: 'relay' })).toContain('refused: --backup-daily');
  // The timer went with an uninstall: what was then comes back.
  writeFileSync(join(folder, 'install.env'), 'BACKUP_DAILY=yes\n');
  expect(daily({})).toBe('yes');
  // It is here: systemd knows.
  const known = (answer: string) => {
    writeFileSync(join(folder, '3cx-relay-backup.timer'), '');
    const programs = withPrograms({ systemctl: answer });
    return choose('UNITS=$PWD; choose_backups; echo "$BACKUP_DAILY"', { ...STORES, ...programs }).output.trim();
  };
  expect([known('exit 1'), known('exit 0')]).toEqual(['', 'yes']);
});

test('a service that is not for this machine any more is stopped, and its unit goes; the others are left alone', () => {
  const names = ['ingest', 'relay', 'worker'].map(name => `3cx-relay-${name}.service`);
  for (const name of names) writeFileSync(join(folder, name), '');
  const env = { ...STORES, OPT_SERVICES: 'relay', ...withPrograms({ systemctl: 'echo "$*" >>asked' }) };
  const { output } = choose('echo $(units); UNITS=$PWD; remove_other_units', env);
  expect(output.split('\n')[0]).toBe(
    '3cx-relay.service 3cx-relay.target 3cx-relay-settings.service 3cx-relay-relay.service',
  );
  expect(readdirSync(folder).filter(name => name.endsWith('.service'))).toEqual(['3cx-relay-relay.service']);
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(`stop ${names[0]}\nstop ${names[2]}\n`);
});

const NODESOURCE = `. ${steps}/uninstall.sh; . ${steps}/release.sh; NODESOURCE_KEY=$PWD/key NODESOURCE_LIST=$PWD/list`;

test('a source of packages that does not answer is taken away again, and one of somebody else is left alone', () => {
  const update = 'case $1 in update) cp list list.asked; exit 100 ;; esac';
  const env = withPrograms({ 'apt-get': update, curl: 'echo key', gpg: 'cat >key' });
  expect(shell(`${NODESOURCE}; add_nodesource || echo failed`, env).output).toContain('failed');
  expect(readFileSync(join(folder, 'list.asked'), 'utf8')).toMatch(/^URIs: https:.*node_\d+\.x$/m);
  expect(readdirSync(folder).toSorted()).toEqual(['bin', 'list.asked']);
  writeFileSync(join(folder, 'list'), 'of somebody else\n');
  expect(shell(`${NODESOURCE}; add_nodesource || echo failed`, env).output).toBe('failed\n');
  expect(readFileSync(join(folder, 'list'), 'utf8')).toBe('of somebody else\n');
});

test('a purge takes the source of Node with it when the installer wrote it', () => {
  shell(`${NODESOURCE}; nodesource_text >list; echo >key; remove_nodesource`);
  expect(readdirSync(folder)).toEqual([]);
  shell(`${NODESOURCE}; echo mine >list; echo >key; remove_nodesource`);
  expect(readdirSync(folder).toSorted()).toEqual(['key', 'list']);
});

test('every shell script is sh and nothing more', () => {
  const scripts = [installer, ...readdirSync(steps).flatMap(name => (name.endsWith('.sh') ? [join(steps, name)] : []))];
  for (const script of scripts) expect(spawnSync('sh', ['-n', script]).status).toBe(0);
  // Variables go from one part to the other.
  const check = spawnSync('shellcheck', ['-s', 'sh', '-S', 'warning', '-e', 'SC2034,SC2154', ...scripts], {
    encoding: 'utf8',
  });
  if (check.error) console.warn('shellcheck is not here: the scripts of the installer are NOT checked with it');
  else expect(check.stdout).toBe('');
});

test('a service keeps what Node compiled of the version that runs, a command keeps nothing', () => {
  const cache = join(folder, 'cache');
  for (const each of ['bin', 'releases/1.1.0/runtime/bin', 'cache/1.0.0/of-the-version-before'])
    mkdirSync(join(folder, each), { recursive: true });
  copyFileSync(join(steps, 'node-wrapper'), join(folder, 'bin/node'));
  symlinkSync(process.execPath, join(folder, 'releases/1.1.0/runtime/bin/node'));
  symlinkSync('releases/1.1.0', join(folder, 'current'));
  const keptBy = (env: Record<string, string>) => {
    const script = `sh bin/node -p "require('node:module').getCompileCacheDir() ?? 'nowhere'"`;
    return shell(script, { NODE_COMPILE_CACHE: '', ...env }).output;
  };
  expect(keptBy({ CACHE_DIRECTORY: cache })).toContain(join(cache, '1.1.0/'));
  expect(readdirSync(cache)).toEqual(['1.1.0']);
  expect(keptBy({ CACHE_DIRECTORY: '' })).toBe('nowhere\n');
});

test('each service gets the settings without the secrets of the others, the file that people edit stays as it is', () => {
  const all = [
    '# mine',
    'FQDN=pbx.example.com',
    'CLIENT_ID=relay',
    "CLIENT_SECRET='of the PBX'",
    '  export ADMIN_SECRET = "of the panel"',
    'PBX_DB_URL=postgres://reader:secret@127.0.0.1/database_single',
    '#ADMIN_SECRET=an old one',
    'REDIS_URL=redis+unix:///run/3cx-relay/redis.sock',
    'DATABASE_URL=postgres://relay_app:secret@127.0.0.1/relay',
    'RELAY_ADMIN_SECRET=not this one',
  ].join('\n');
  writeFileSync(join(folder, 'relay.env'), all);
  mkdirSync(join(folder, 'out'));
  const split = () => shell(`sh ${steps}/split-settings relay.env out`);
  expect(split()).toEqual({ status: 0, output: '' });
  const keysOf = (name: string) => Object.keys(parseEnv(readFileSync(join(folder, 'out', name), 'utf8'))).toSorted();
  const everybody = ['CLIENT_ID', 'DATABASE_URL', 'FQDN', 'REDIS_URL', 'RELAY_ADMIN_SECRET'];
  expect(keysOf('ingest.env')).toEqual(['CLIENT_SECRET', 'PBX_DB_URL', ...everybody].toSorted());
  expect(keysOf('relay.env')).toEqual(['ADMIN_SECRET', ...everybody].toSorted());
  expect(keysOf('worker.env')).toEqual(everybody);
  for (const name of readdirSync(join(folder, 'out')))
    expect(statSync(join(folder, 'out', name)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, 'relay.env'), 'utf8')).toBe(all);
  // A copy from before is worth more than none, or than half of one.
  rmSync(join(folder, 'relay.env'));
  expect(split().status).not.toBe(0);
  expect(keysOf('worker.env')).toEqual(everybody);
});

test.each([
  ['redis+unix:///run/3cx-relay/redis.sock', 'postgres://relay:a%40b@127.0.0.1:5433/relay', '', true],
  ['redis://:p@127.0.0.1:6379/0', 'postgres://relay:secret@localhost/relay?sslmode=disable', '127.0.0.1', true],
  ['redis://[::1]:6379', 'postgresql://relay:secret@[::1]:5432/relay', 'localhost', true],
  ['redis+unix:///run/3cx-relay/redis.sock', 'postgres://relay:secret@db.example.com/relay', '', false],
  ['redis+unix:///run/3cx-relay/redis.sock', 'postgres://127.0.0.1:x@10.0.0.5/127.0.0.1', '', false],
  ['redis://localhost.example.com', 'postgres://relay:secret@127.0.0.1/relay', '', false],
  ['redis+cluster://127.0.0.1:7000', 'postgres://relay:secret@127.0.0.1/relay', '', false],
  ['redis+sentinel://127.0.0.1:26379/main', 'postgres://relay:secret@127.0.0.1/relay', '', false],
  ['redis+unix:///run/3cx-relay/redis.sock', 'postgres://relay:secret@127.0.0.1/relay', '0.0.0.0', false],
])(
  'with %s, %s and INTERNAL_HOST=%s the worker may speak to this machine alone: %s',
  (redis, database, host, isAlone) => {
    writeFileSync(join(folder, 'relay.env'), `REDIS_URL='${redis}'\nDATABASE_URL=postgres://app:x@elsewhere/relay\n`);
    if (host !== '') writeFileSync(join(folder, 'relay.env'), `INTERNAL_HOST=${host}\n`, { flag: 'a' });
    writeFileSync(join(folder, 'owner.env'), `DATABASE_URL=${database}\n`);
    writeFileSync(join(folder, 'unit'), 'before\n@WORKER_NETWORK@\nafter\n');
    const values = `CONFIG=${folder} PREFIX= RELAY_USER= POSTGRES_UNIT= PUBLIC_PATH= PORT=`;
    const { output } = shell(`${values}; . ${steps}/services.sh; WORKER_NETWORK=$(worker_network); render unit`);
    const lines = output.split('\n');
    if (isAlone) expect(lines).toEqual(['before', 'IPAddressDeny=any', 'IPAddressAllow=localhost', 'after', '']);
    else expect(lines).toEqual(['before', expect.stringMatching(/^# /), 'after', '']);
  },
);
