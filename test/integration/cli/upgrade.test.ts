import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { createReleaseStand, type ReleaseStand } from './fixtures/release-stand.ts';

/** Upgrades of a small installation, with real processes. Each run waits for several looks at each of them. */
const TIMEOUT_MS = 90_000;
let stand: ReleaseStand;

beforeAll(async () => {
  stand = await createReleaseStand();
  stand.install('1.0.0');
  for (const name of ['worker', 'relay', 'ingest']) await stand.systemctl('start', `3cx-relay-${name}.service`);
  stand.asked();
}, TIMEOUT_MS);

afterAll(() => stand?.stop());

const releases = () => readdirSync(join(stand.prefix, 'releases')).toSorted();

test(
  'an upgrade restarts the worker first and ingest last, and the way back does the same',
  async () => {
    const upgraded = await stand.run('upgrade', await stand.pack('1.1.0'), '--no-backup');
    expect(upgraded).toMatchObject({ code: 0, errors: '' });
    expect(stand.asked()).toEqual(['worker', 'relay', 'ingest'].map(name => `restart 3cx-relay-${name}.service`));
    expect([stand.link('current'), stand.link('previous'), releases()]).toEqual(['1.1.0', '1.0.0', ['1.0.0', '1.1.0']]);

    expect(await stand.run('rollback')).toMatchObject({ code: 0 });
    expect([stand.link('current'), stand.link('previous')]).toEqual(['1.0.0', '1.1.0']);
    expect(stand.asked()).toHaveLength(3);
  },
  TIMEOUT_MS,
);

test(
  'a version whose relay does not start is taken back, and ingest never notices',
  async () => {
    const ingest = stand.pidOf('ingest');
    const { code, output, errors } = await stand.run('upgrade', await stand.pack('1.2.0', ['relay']), '--no-backup');
    expect(code).toBe(1);
    expect(output).toContain(
      'version 1.2.0 does not work: 3cx-relay-relay.service did not start: Job for 3cx-relay-relay.service failed.',
    );
    expect(errors).toContain('version 1.0.0 runs again');
    expect(stand.link('current')).toBe('1.0.0');
    expect(stand.asked()).toEqual(
      ['worker', 'relay', 'worker', 'relay'].map(name => `restart 3cx-relay-${name}.service`),
    );
    expect(stand.pidOf('ingest')).toBe(ingest);
    expect(existsSync(join(stand.prefix, 'upgrade.json'))).toBe(false);
  },
  TIMEOUT_MS,
);

test(
  'after a kill -9 the next run completes what works, and removes what was never whole',
  async () => {
    const interrupted = stand.start('upgrade', join(stand.dir, '3cx-relay-1.1.0.tar.gz'), '--no-backup');
    await waitFor(() => existsSync(join(stand.prefix, 'upgrade.json')) && stand.link('current') === '1.1.0', {
      what: 'the new version to be in place',
      timeoutMs: 30_000,
      everyMs: 5,
    });
    interrupted.kill('SIGKILL');
    await once(interrupted, 'exit');
    expect([existsSync(join(stand.prefix, 'upgrade.json')), stand.link('previous')]).toEqual([true, '1.1.0']);
    mkdirSync(join(stand.prefix, 'releases', '.incoming-x/release'), { recursive: true });
    mkdirSync(join(stand.prefix, 'releases', '9.9.9'));
    const again = await stand.run('upgrade', join(stand.dir, '3cx-relay-1.1.0.tar.gz'), '--no-backup');
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining('version 1.1.0 runs already') });
    expect([stand.link('current'), stand.link('previous')]).toEqual(['1.1.0', '1.0.0']);
    expect(releases()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
    stand.asked();
  },
  TIMEOUT_MS,
);

test(
  'what is no release, or not the one that was sent, changes nothing',
  async () => {
    const tarball = await stand.pack('1.3.0');
    await appendFile(tarball, 'x');
    const [changed, nothing] = await Promise.all([
      stand.run('upgrade', tarball),
      stand.call('upgrade', join(stand.dir, 'none')),
    ]);
    for (const { code } of [changed, nothing]) expect(code).toBe(1);
    expect(`${changed.errors}${nothing.errors}`).toMatch(/is not what its .sha256 says|Another upgrade goes on/);
    expect(releases()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
    expect(stand.link('current')).toBe('1.1.0');
  },
  TIMEOUT_MS,
);
