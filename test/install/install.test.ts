import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callsPlayed, foldEntries, judge } from '../harness/ground-truth.ts';
import { compare, framesSent } from '../harness/ledger.ts';
import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { FIRST, INSTALL, mountsOf, PASSWORD } from './installer.ts';
import { type Machine, prepareImage, startMachine, whyNoMachines } from './machine.ts';
import { makeOfflineFolder } from './offline-folder.ts';
import { createWeb, type Web } from './web.ts';

/**
 * The whole life of an installation beside a 3CX, on a clean Debian with systemd: nothing of it is simulated but the phone system.
 * The file takes some ten minutes and wants a Docker engine and root, so that it is a suite of its own. INSTALL_SUITE
 * names the Debian: `bookworm` (12, unless told otherwise) or `trixie` (13).
 */
const reason = whyNoMachines();
if (reason !== null) console.warn(`\n  ! The installer is NOT tested here: ${reason}.\n`);

const NEXT = '1.1.0';
const SERVICES = ['ingest', 'relay', 'worker', 'redis'];

let folder = '';
beforeAll(async () => {
  if (reason !== null) return;
  prepareImage();
  folder = await makeOfflineFolder([FIRST, NEXT]);
});
afterAll(() => rmSync(folder || '/nonexistent', { recursive: true, force: true }));

/** Name, content's and attributes' times, inode: of everything that an installation may touch. */
const PLACES = '/etc /opt /usr/local /usr/sbin /var/lib /var/backups /var/spool /home /root /srv';
const NOT_OURS =
  '^/var/lib/(postgresql|systemd|nginx|apt)|^/var/lib/3cx-relay/|^/etc/(ld.so.cache|mtab)|/etc/systemd/system$';
const listing = (format: string) =>
  `find ${PLACES} -xdev -printf '${format}\\n' 2>/dev/null | grep -Ev '${NOT_OURS}' | sort`;

describe.skipIf(reason !== null)('beside a 3CX', () => {
  let machine: Machine;
  let web: Web;
  let apiKey = '';
  let before = '';

  beforeAll(async () => {
    machine = await startMachine(mountsOf(folder));
    await machine.run('sh /checkout/test/install/fake-3cx.sh');
    web = createWeb(machine.address, '/3cx-relay');
    // The packages of the distribution stay after everything else has gone.
    await machine.run('apt-get install -y -qq /offline/packages/acl_*.deb');
    before = await machine.run(listing('%p %s %m %u'));
  });
  afterAll(() => machine?.remove());

  const traffic = (callsPerMinute: number) =>
    machine.run(
      `curl -fs -d '{"callsPerMinute":${callsPerMinute}}' -H content-type:application/json http://127.0.0.1:5001/sim/traffic`,
    );

  test('a dry run says what would be done and does nothing', async () => {
    const output = await machine.run(`${INSTALL} --dry-run`);
    expect(output).toContain('would: user 3cx-relay');
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain('a-secret-of-the-pbx');
    expect(await machine.run(listing('%p %s %m %u'))).toBe(before);
  });

  test('one command installs it without network, and every service runs', async () => {
    const output = await machine.run(INSTALL);
    expect(output).toContain(`3CX Relay ${FIRST} is installed`);
    expect(output).not.toContain(PASSWORD);
    for (const name of SERVICES) {
      expect(await machine.run(`systemctl is-active 3cx-relay-${name}`)).toBe('active\n');
    }
    expect(await machine.run('systemctl is-enabled 3cx-relay')).toBe('enabled\n');
    await waitFor(() => machine.run('curl -fs http://127.0.0.1:8083/readyz'), {
      what: 'ingest to reach the PBX',
      timeoutMs: 60_000,
      everyMs: 1_000,
    });
  });

  test('it runs as its own user, which reads the ini of the PBX and nothing else of it, nor its own secrets', async () => {
    expect(await machine.run('ps -o user= -p $(systemctl show -P MainPID 3cx-relay-ingest)')).toContain('3cx-relay');
    const as = (command: string) => machine.attempt(`runuser -u 3cx-relay -- ${command}`);
    expect((await as('cat /var/lib/3cxpbx/Bin/3CXPhoneSystem.ini')).output).toContain('[CfgServerProfile]');
    for (const secret of [
      '/var/lib/3cxpbx/Instance1/Data/Recordings/1.wav',
      '/etc/3cx-relay/relay.env',
      '/etc/3cx-relay/owner.env',
      '/etc/shadow',
    ]) {
      expect(await as(`cat ${secret}`)).toMatchObject({ code: 1 });
    }
    const environment = await machine.run('cat /proc/$(systemctl show -P MainPID 3cx-relay-relay)/environ');
    expect(environment).not.toMatch(/ADMIN_SECRET|DATABASE_URL|CLIENT_SECRET/);
    // Of the tables, relay and ingest may change only what they need.
    const denied = await machine.attempt('. /etc/3cx-relay/relay.env && psql "$DATABASE_URL" -c "DELETE FROM events"');
    expect(denied.output).toContain('permission denied');
  });

  test('each service is handed the secrets that it needs and no others, and a change with its next restart', async () => {
    const keysOf = async (name: string) =>
      (await machine.run(`sed -n 's/=.*//p' /run/credentials/3cx-relay-${name}.service/relay.env`)).split('\n');
    const secretsOf = async (name: string) =>
      (await keysOf(name)).filter(key => /SECRET|PBX_DB_URL/.test(key)).toSorted();
    expect(await secretsOf('ingest')).toEqual(['CLIENT_SECRET']);
    expect(await secretsOf('relay')).toEqual(['ADMIN_SECRET']);
    expect(await secretsOf('worker')).toEqual([]);
    await machine.run('echo LOG_LEVEL=debug >>/etc/3cx-relay/relay.env && systemctl restart 3cx-relay-worker');
    expect(await keysOf('worker')).toContain('LOG_LEVEL');
    expect(await keysOf('relay')).not.toContain('LOG_LEVEL');
    await machine.run("sed -i '/^LOG_LEVEL=debug$/d' /etc/3cx-relay/relay.env && systemctl restart 3cx-relay-worker");
    expect(await keysOf('worker')).not.toContain('LOG_LEVEL');
    expect((await machine.attempt('runuser -u 3cx-relay -- ls /run/3cx-relay-settings')).code).not.toBe(0);
  });

  test('a process that hangs is started again', async () => {
    const pid = 'systemctl show -P MainPID 3cx-relay-worker';
    const hung = await machine.run(pid);
    await machine.run(`kill -STOP ${hung}`);
    await waitFor(
      async () =>
        (await machine.run(pid)) !== hung &&
        (await machine.attempt('curl -fs http://127.0.0.1:8085/readyz')).code === 0,
      {
        what: 'the watchdog to have noticed',
        timeoutMs: 90_000,
        everyMs: 1_000,
      },
    );
    expect(await machine.run('journalctl --no-pager -u 3cx-relay-worker')).toContain('Watchdog timeout');
  });

  test('somebody signs in through the web server over TLS, and sees events as they happen', async () => {
    const page = await web.ask('GET', '/admin/');
    expect(page).toMatchObject({ status: 200 });
    const script = /src="\.\/([^"]+\.js)"/.exec(page.body)?.[1];
    // The PBX's own rule for scripts must not catch those of the panel.
    expect(await web.ask('GET', `/admin/${script}`)).toMatchObject({ status: 200 });
    expect(await web.ask('GET', '/admin')).toMatchObject({ status: 308, headers: { location: '/3cx-relay/admin/' } });

    const signIn = await web.ask('POST', '/admin/login', { body: { username: 'admin', password: PASSWORD } });
    expect(signIn).toMatchObject({ status: 200 });
    // The operator gave it himself.
    expect(JSON.parse(signIn.body)).toMatchObject({ user: { mustChangePassword: false } });
    const [cookie = ''] = signIn.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Secure/);
    const stats = await web.ask('GET', '/admin/stats', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(stats).toMatchObject({ status: 200 });

    const made = await machine.run('3cx-relay key create --name test --permissions read,history');
    apiKey = /3cxr_[0-9a-f]{64}/.exec(made)?.[0] ?? '';
    const socket = web.events(apiKey);
    await waitFor(() => socket.messages.length > 5, { what: 'live events', timeoutMs: 30_000 });
    socket.stop();
    // An event stream is not held back by the web server: it goes on for as long as somebody listens.
    const stream = await machine.attempt(
      `curl -skN --max-time 30 -H 'Authorization: Bearer ${apiKey}' --resolve pbx.example.com:443:127.0.0.1 ` +
        "'https://pbx.example.com/3cx-relay/relay/events/stream?after=start' | grep -m 1 '^id: '",
    );
    expect(stream.output).toMatch(/^id: \w+_\d{16}$/m);
  });

  test('nothing is served without TLS, and the PBX keeps its own pages', async () => {
    expect(await machine.run('curl -s -o /dev/null -w %{http_code} http://127.0.0.1:5000/3cx-relay/admin/')).toBe(
      '403',
    );
    expect(await machine.run('curl -s http://127.0.0.1:5000/admin')).toBe('the admin console of the PBX');
  });

  test('the log of the PBX has no number that the relay was asked for, and its host no promise of ours', async () => {
    const asked = await web.ask('GET', '/relay/history/calls?number=4930123456');
    expect(asked).toMatchObject({ status: 401, headers: { 'x-content-type-options': 'nosniff' } });
    expect(asked.headers['strict-transport-security']).toBeUndefined();
    await machine.run('curl -s http://127.0.0.1:5000/admin?of=the-pbx');
    const log = await machine.run('cat /var/log/nginx/access.log');
    expect(log).toContain('of=the-pbx');
    expect(log).not.toContain('4930123456');
  });

  test('the worker may speak to this machine alone, where its stores are', async () => {
    expect(await machine.run('systemctl show -P IPAddressDeny 3cx-relay-worker')).toContain('0.0.0.0/0');
    expect(await machine.run('systemctl show -P IPAddressAllow 3cx-relay-worker')).toContain('127.0.0.0/8');
    expect((await machine.attempt('3cx-relay doctor')).output).toContain(
      'the worker may connect to this machine alone',
    );
  });

  test('an address that a client claims is not believed', async () => {
    await web.ask('POST', '/admin/login', {
      body: { username: 'nobody', password: 'wrong wrong wrong' },
      headers: { 'x-real-ip': '203.0.113.9', 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http' },
    });
    const audit = await waitFor(
      async () => {
        const { output } = await machine.attempt(
          '. /etc/3cx-relay/owner.env && psql -At "$DATABASE_URL" -c "SELECT body FROM events WHERE body::text LIKE \'%invalid_credentials%\'"',
        );
        return output.includes('invalid_credentials') ? output : null;
      },
      { what: 'the failed sign-in in the audit', timeoutMs: 20_000, everyMs: 500 },
    );
    expect(audit).not.toContain('203.0.113.9');
  });

  test('a second run changes nothing, not even a time', async () => {
    // The services write into their own folder when they have to: of it everything counts but the times.
    const state = '/var/lib/3cx-relay';
    const all = `${listing('%p %T@ %C@ %i %m %u')} | grep -v '^${state} '; stat -c '%i %a %U' ${state}`;
    const first = await machine.run(all);
    const output = await machine.run(INSTALL);
    expect(output).toContain(`3CX Relay ${FIRST}: nothing had to be changed`);
    expect(await machine.run(all)).toBe(first);
  });

  test('what an operator set stays, and what was lost comes back', async () => {
    await machine.run("sed -i 's/^CLIENT_ID=.*/CLIENT_ID=mine/' /etc/3cx-relay/relay.env");
    await machine.run('rm /etc/systemd/system/3cx-relay-worker.service');
    expect(await machine.run(INSTALL)).toContain('write /etc/systemd/system/3cx-relay-worker.service');
    expect(await machine.run('grep CLIENT_ID= /etc/3cx-relay/relay.env')).toBe('CLIENT_ID=mine\n');
    await machine.run("sed -i 's/^CLIENT_ID=.*/CLIENT_ID=relay/' /etc/3cx-relay/relay.env");
    await machine.run('systemctl restart 3cx-relay-ingest');
  });

  test('a configuration that the web server does not accept is taken back, and the old one goes on', async () => {
    const file = '/var/lib/3cxpbx/Bin/nginx/conf/snippets/3cx-relay.conf';
    const old = await machine.run(`cat ${file}`);
    const broken = '/var/lib/3cxpbx/Bin/nginx/conf/snippets/broken.conf';
    await machine.run(`echo 'location /x { nonsense; }' >${broken}`);
    const { code, output } = await machine.attempt(`${INSTALL} --public-path /elsewhere`);
    expect(code).toBe(1);
    expect(output).toContain('nonsense');
    expect(await machine.run(`cat ${file}`)).toBe(old);
    expect(await web.ask('GET', '/admin/')).toMatchObject({ status: 200 });
    await machine.run(`rm ${broken}`);
    expect(await machine.run(`${INSTALL} --public-path /3cx-relay`)).toContain('installed: ');
  });

  test('an upgrade under load loses no event, and a broken version takes itself back', async () => {
    const socket = web.events(apiKey);
    const since = Date.now();
    await waitFor(() => Date.parse(socket.messages.at(-1)?.at ?? '') > since, {
      what: 'the client to follow live',
      timeoutMs: 60_000,
    });
    await traffic(600);
    expect(await machine.run(`3cx-relay upgrade /offline/later/3cx-relay-${NEXT}.tar.gz`)).toContain(`${NEXT} runs`);
    expect(await machine.run('readlink /opt/3cx-relay/current')).toBe(`releases/${NEXT}\n`);
    await machine.run(
      [
        `cp -a /opt/3cx-relay/releases/${NEXT} /root/broken && rm /root/broken/.complete`,
        `sed -i 's/"version": "${NEXT}"/"version": "1.2.0"/' /root/broken/package.json`,
        'echo \'throw new Error("broken");\' >/root/broken/services/relay/main.ts',
      ].join(' && '),
    );
    const failed = await machine.attempt('3cx-relay upgrade /root/broken --timeout 40');
    expect(failed.code).toBe(1);
    expect(failed.output).toContain(`version ${NEXT} runs again`);
    expect(await machine.run('readlink /opt/3cx-relay/current')).toBe(`releases/${NEXT}\n`);
    await machine.run('rm -r /root/broken');
    // What the PBX played in that time is what a client was told that came back with its positions.
    const pbx = { sim: (_, path) => machine.sim(path) } as System;
    const playedSince = async () => (await callsPlayed(pbx)).filter(call => call.startedAt > since);
    await waitFor(async () => (await playedSince()).length > 30, {
      what: 'calls enough to lose one',
      timeoutMs: 120_000,
      everyMs: 2_000,
    });
    await traffic(0);
    const played = await playedSince();
    const entries = () => socket.messages.map(message => ({ ...message, body: JSON.stringify(message) }));
    const verdict = await waitFor(
      () => {
        const found = judge(played, foldEntries(entries()));
        return found.lost.length === 0 ? found : null;
      },
      { what: 'every call to be told', timeoutMs: 150_000, everyMs: 2_000 },
    );
    expect(verdict.found).toBe(played.length);
    // Every frame since the first, in its order: one may be missing only where a gap says that the line was away.
    const ledger = async () => compare(await framesSent(pbx), entries());
    await waitFor(async () => (await ledger()).missing.length === 0, {
      what: 'every frame to be told',
      timeoutMs: 60_000,
      everyMs: 3_000,
    }).catch(() => undefined);
    expect(await ledger()).toMatchObject({ missing: [], unexpected: [] });
    expect(socket.losses).toEqual([]);
    const ids = socket.messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
    socket.stop();
  });

  test('a backup is made every night by a process that sees no other one of them, and it can be restored', async () => {
    const newest = INSTALL.replaceAll('/offline', '/offline/later').replace('later/install.sh', 'install.sh');
    await machine.run(`${newest} --backup-daily`);
    expect(await machine.run('systemctl is-enabled 3cx-relay-backup.timer')).toBe('enabled\n');
    const daily = '/var/backups/3cx-relay/daily';
    await machine.run('echo BACKUP_KEEP=1 >>/etc/3cx-relay/relay.env');
    // One of each second: what stays is the newest.
    await machine.run('systemctl start 3cx-relay-backup && sleep 1 && systemctl start 3cx-relay-backup');
    const files = (await machine.run(`ls ${daily}`)).trim().split('\n');
    expect(files).toHaveLength(1);
    expect(await machine.run(`stat -c '%U %a' ${daily}/${files[0]}`)).toBe('3cx-relay 600\n');
    expect(await machine.run(`3cx-relay restore --verify-only ${daily}/${files[0]}`)).toContain('is good');
    const settings = await machine.run(`tar -xOf ${daily}/${files[0]} settings.env`);
    expect(settings).toContain('BACKUP_KEEP=1');
    expect(settings).not.toMatch(/a-secret-of-the-pbx|postgres:\/\//);
    const doctor = (await machine.attempt('3cx-relay doctor --only backup')).output;
    expect(doctor).toContain('one is made every night');
    expect((await machine.attempt(`runuser -u 3cx-relay -- ls ${daily}`)).code).not.toBe(0);
    await machine.run("sed -i '/^BACKUP_KEEP=/d' /etc/3cx-relay/relay.env");
  });

  test('an older version is not put in the place of a newer one by running its installer', async () => {
    const { code, output } = await machine.attempt(INSTALL);
    expect(code).toBe(1);
    expect(output).toContain('3cx-relay rollback');
  });

  test('uninstalled and installed again, everything is as before', async () => {
    await machine.run('sh /opt/3cx-relay/current/install/install.sh uninstall --non-interactive');
    expect((await machine.attempt('ls /opt/3cx-relay /usr/local/bin/3cx-relay')).output).not.toContain('releases');
    expect(await web.ask('GET', '/admin/')).toMatchObject({ status: 404 });
    await machine.run(INSTALL.replaceAll('/offline', '/offline/later').replace('later/install.sh', 'install.sh'));
    const signIn = await web.ask('POST', '/admin/login', { body: { username: 'admin', password: PASSWORD } });
    expect(signIn).toMatchObject({ status: 200 });
    expect(await machine.run('systemctl is-enabled 3cx-relay-backup.timer')).toBe('enabled\n');
    const socket = web.events(apiKey);
    await waitFor(() => socket.messages.length > 5, { what: 'the events from before', timeoutMs: 30_000 });
    socket.stop();
  });

  test('purged, it leaves nothing', async () => {
    await machine.run('sh /opt/3cx-relay/current/install/install.sh uninstall --purge --non-interactive');
    const after = await machine.run(listing('%p %s %m %u'));
    const left = after.split('\n').filter(line => !before.includes(line));
    expect(left.filter(line => /3cx.relay/i.test(line))).toEqual([]);
    expect(await machine.attempt('getent passwd 3cx-relay')).toMatchObject({ code: 2 });
    expect(await machine.run('pg_lsclusters -h')).not.toContain('3cx_relay');
    expect(await machine.run('getfacl -cp /var/lib/3cxpbx/Bin/3CXPhoneSystem.ini /var/lib/3cxpbx')).not.toContain(
      '3cx',
    );
  });
});
