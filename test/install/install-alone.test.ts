import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIRST, INSTALL, mountsOf } from './installer.ts';
import { type Machine, prepareImage, startMachine, whyNoMachines } from './machine.ts';
import { makeOfflineFolder } from './offline-folder.ts';
import { createWeb } from './web.ts';

/** The installer on a clean Debian that no phone system is on: cut off anywhere, with servers of somebody, in parts. */
describe.skipIf(whyNoMachines() !== null)('without a 3CX', () => {
  let folder = '';
  let machine: Machine;
  beforeAll(async () => {
    prepareImage();
    folder = await makeOfflineFolder([FIRST]);
    machine = await startMachine(mountsOf(folder));
  });
  afterAll(() => {
    machine?.remove();
    rmSync(folder || '/nonexistent', { recursive: true, force: true });
  });

  /** As a power cut: the installer and all it started, at once. */
  const CUT = 'systemctl kill --signal=KILL --kill-whom=all installer.service';
  const inUnit = (command: string) =>
    `systemd-run --quiet --collect --pipe --wait --unit=installer sh -c "${command.replaceAll('"', '\\"')}"`;

  test('cut off in any step, the next run completes it', async () => {
    for (let step = 2; step <= 12; step++) {
      let isCut = false;
      await machine.follow(inUnit(INSTALL), output => {
        // After the first thing that the step did or found.
        if (isCut || !new RegExp(`^\\[${step}/13\\].*\\n.*\\n`, 'm').test(output)) return;
        isCut = true;
        void machine.attempt(CUT);
      });
      expect(isCut).toBe(true);
    }
    expect(await machine.run(INSTALL)).toMatch(/3CX Relay 1.0.0(: nothing had to be changed| is installed)/);
    expect(await machine.run(INSTALL)).toContain('nothing had to be changed');
    for (const name of ['relay', 'worker', 'redis']) {
      expect(await machine.run(`systemctl is-active 3cx-relay-${name}`)).toBe('active\n');
    }
    // What the distribution would have started by itself.
    expect((await machine.attempt('systemctl is-enabled redis-server')).output).toBe('disabled\n');
    expect(await machine.run('pg_lsclusters -h | wc -l')).toBe('1\n');
  });

  /** A machine that gives its ingest to another one, and then its worker, too. */
  async function withoutIngest(install: string): Promise<void> {
    expect(await machine.run(`${install} worker,relay`)).toContain('stop ingest');
    expect(await machine.run(INSTALL)).toContain('nothing had to be changed');
    expect(await machine.run('cd /etc/systemd/system && ls 3cx-relay-*.service')).not.toContain('ingest');
    const status = (await machine.attempt('3cx-relay status --json')).output;
    expect(Object.keys(JSON.parse(status).units)).toEqual(['3cx-relay-worker.service', '3cx-relay-relay.service']);
    const doctor = JSON.parse(
      (await machine.attempt('3cx-relay doctor --json --only units,ready-ingest,ready-relay')).output,
    );
    expect(doctor.checks.map(({ level }: { level: string }) => level)).toEqual(['ok', 'unknown', 'ok']);
    expect(await machine.run(`${install} relay`)).toContain('stop worker');
    expect(await machine.run('systemctl is-active 3cx-relay-relay')).toBe('active\n');
    expect((await machine.attempt('systemctl is-active 3cx-relay-worker')).output).toBe('inactive\n');
    expect(await machine.run(`${install} ingest,relay,worker`)).toContain(
      'write /etc/systemd/system/3cx-relay-ingest.service',
    );
    expect(await machine.run('systemctl is-active 3cx-relay-worker')).toBe('active\n');
  }

  test('its own site serves the panel with a certificate made here', async () => {
    const web = createWeb(machine.address, '');
    expect(await web.ask('GET', '/admin/')).toMatchObject({ status: 200 });
    // Its own errors, too, ask for TLS from now on, for this host is all ours.
    const hsts = { 'strict-transport-security': expect.stringContaining('max-age=') };
    expect(await web.ask('GET', '/')).toMatchObject({ status: 404, headers: hsts });
    expect(await web.ask('GET', '/relay/events?number=4930123456')).toMatchObject({ status: 401, headers: hsts });
    const log = await machine.run('cat /var/log/nginx/access.log');
    expect(log).toContain('"GET /relay/events HTTP/1.1" 401');
    expect(log).not.toContain('4930123456');
  });

  test('with a PostgreSQL and a Redis of somebody it makes none, and a purge leaves his alone', async () => {
    await machine.run('sh /opt/3cx-relay/current/install/install.sh uninstall --purge --non-interactive');
    await machine.run('pg_createcluster $(ls /usr/lib/postgresql) theirs --start && systemctl start redis-server');
    const ask = (sql: string) =>
      machine.run(`cd / && echo "${sql}" | runuser -u postgres -- psql -q -v ON_ERROR_STOP=1`);
    await ask("CREATE ROLE theirs LOGIN PASSWORD 'theirs'");
    // A Debian without a locale: what it makes by itself cannot hold every name.
    await ask('CREATE DATABASE theirs OWNER theirs');
    const database = 'postgres://theirs:theirs@127.0.0.1:5432/theirs';
    const servers = `--database-url ${database} --redis-url redis://127.0.0.1:6379 --no-nginx --prefix /opt/elsewhere`;
    const refused = await machine.attempt(`${INSTALL} ${servers}`);
    expect([refused.code, refused.output]).toEqual([
      1,
      expect.stringContaining('encoded in SQL_ASCII: create it with'),
    ]);
    await ask('DROP DATABASE theirs');
    await ask("CREATE DATABASE theirs OWNER theirs ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C'");
    const output = await machine.run(`${INSTALL} ${servers}`);
    expect(output).not.toContain('theirs:theirs');
    expect(await machine.run(INSTALL)).toContain('nothing had to be changed');
    expect(await machine.run('systemctl is-active 3cx-relay-relay 3cx-relay-worker')).toBe('active\nactive\n');
    expect(await machine.run('pg_lsclusters -h | wc -l; ls /etc/systemd/system | grep -c redis || :')).toBe('1\n0\n');
    await withoutIngest(`${INSTALL} --services`);
    await machine.run('3cx-relay uninstall --purge');
    expect(await machine.run(`psql -At '${database}' -c 'SELECT count(*) FROM admin_users'`)).toBe('1\n');
    expect(await machine.attempt('ls -d /opt/elsewhere /etc/3cx-relay /var/lib/3cx-relay')).toMatchObject({ code: 2 });
  });
});
