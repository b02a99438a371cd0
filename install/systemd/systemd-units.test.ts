import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const units = readdirSync(folder).filter(name => /^3cx-relay-.*\.service$/.test(name));
/** It runs before the others start, and is over then. */
const SETTINGS = '3cx-relay-settings.service';
/** It runs when its timer says so, and is over then. */
const BACKUP = '3cx-relay-backup.service';
const services = units.filter(name => name !== SETTINGS && name !== BACKUP);
/** `systemd-analyze` counts in tenths: 15 is an exposure of 1.5. */
const THRESHOLD = 15;
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
if (!hasAnalyze) console.warn('systemd-analyze is not here: the exposure of the units is NOT tested');

/** With what the installer writes into them, and a user that exists on every machine. */
function rendered(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
    .replaceAll('@PREFIX@', '/opt/3cx-relay')
    .replaceAll('@CONFIG@', '/etc/3cx-relay')
    .replaceAll('@USER@', 'daemon')
    .replaceAll('@BACKUPS@', '/var/backups/3cx-relay')
    .replaceAll('@POSTGRES_UNIT@', 'postgresql@15-3cx_relay.service')
    .replaceAll('@WORKER_NETWORK@', '# No IPAddressDeny: a store or Prometheus is on another machine.');
}

test.skipIf(!hasAnalyze).each(units)('%s exposes the machine by 1.5 at most', name => {
  const scratch = mkdtempSync(join(tmpdir(), 'units-'));
  try {
    writeFileSync(join(scratch, name), rendered(name));
    const options = ['security', '--offline=true', `--threshold=${THRESHOLD}`, '--no-pager'];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...options, join(scratch, name)], {
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toContain(`Overall exposure level for ${name}`);
    expect(stderr).not.toMatch(/Invalid|Unknown|bad unit/);
    expect(status).toBe(0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test('what Node compiled of a service is kept where only that service can write', () => {
  const folders = units.map(name => rendered(name).match(/^CacheDirectory=(.*)$/m)?.[1]);
  const kept = folders.filter(folder => folder !== undefined);
  expect(kept.toSorted()).toEqual(['3cx-relay/ingest', '3cx-relay/relay', '3cx-relay/worker']);
});

test('there are four of them, and none is tied to a unit of the PBX or waits for PostgreSQL in vain', () => {
  expect(services).toHaveLength(4);
  for (const name of services) {
    const text = rendered(name);
    expect(text).not.toMatch(/@[A-Z_]+@/);
    expect(text.match(/^(PartOf|BindsTo|Requires|Requisite)=.*$/gm)).toEqual(['PartOf=3cx-relay.target']);
    expect(text).toContain('Restart=always');
    expect(text).toContain('StartLimitIntervalSec=0');
  }
});

test('no service of ours reads the file with all secrets: each waits for its own copy, and gets that', () => {
  for (const name of ['ingest', 'relay', 'worker']) {
    const text = rendered(`3cx-relay-${name}.service`);
    expect(text.match(/^LoadCredential=relay\.env:.*$/gm)).toEqual([
      `LoadCredential=relay.env:/run/3cx-relay-settings/${name}.env`,
    ]);
    for (const order of ['Wants', 'After']) expect(text).toMatch(new RegExp(`^${order}=.* ${SETTINGS} `, 'm'));
  }
  const text = rendered(SETTINGS);
  expect(text).not.toMatch(/@[A-Z_]+@/);
  // Whatever restarts, and however often: without its end no service would get a change.
  expect(text).toContain('StartLimitIntervalSec=0');
  expect(text).not.toContain('RemainAfterExit');
});

test('a backup starts nothing that somebody stopped, and is shown its own folder of backups alone', () => {
  const text = rendered(BACKUP);
  expect(text).not.toMatch(/@[A-Z_]+@/);
  expect(text.match(/^(Wants|PartOf|BindsTo|Requires)=.*$/gm)).toEqual([`Wants=${SETTINGS}`]);
  expect(text).toContain('TemporaryFileSystem=/var/backups/3cx-relay:ro\nBindPaths=/var/backups/3cx-relay/daily\n');
  // Neither ADMIN_SECRET nor that of the PBX: those are not in a backup.
  expect(text).toContain('LoadCredential=relay.env:/run/3cx-relay-settings/worker.env');
  expect(readFileSync(join(folder, '3cx-relay-backup.timer'), 'utf8')).toContain('WantedBy=timers.target');
});
