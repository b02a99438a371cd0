import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const units = readdirSync(folder).filter(name => /^3cx-relay-.*\.service$/.test(name));
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
    .replaceAll('@POSTGRES_UNIT@', 'postgresql@15-3cx_relay.service');
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
  expect(folders.sort()).toEqual(['3cx-relay/ingest', '3cx-relay/relay', '3cx-relay/worker', undefined]);
});

test('there are four of them, and none is tied to a unit of the PBX or waits for PostgreSQL in vain', () => {
  expect(units).toHaveLength(4);
  for (const name of units) {
    const text = rendered(name);
    expect(text).not.toMatch(/@[A-Z_]+@/);
    expect(text.match(/^(PartOf|BindsTo|Requires|Requisite)=.*$/gm)).toEqual(['PartOf=3cx-relay.target']);
    expect(text).toContain('Restart=always');
    expect(text).toContain('StartLimitIntervalSec=0');
  }
});
