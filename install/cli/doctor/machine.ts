import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { REDIS_UNIT, UMBRELLA_UNIT } from '../installation.ts';
import { formatBytes } from '../print.ts';
import { openReleases, versionOf } from '../release/releases.ts';
import { readUpgradeRecord } from '../release/upgrade-record.ts';
import { type Check, type Finding, failure, NOT_INSTALLED, ok, unknown, warning } from './check.ts';
import { judgeSettingNames, readSettingNames } from './setting-names.ts';
import { judgeWorkerNetwork } from './worker-network.ts';

const NODE_MAJOR = 24;
const GIB = 1024 ** 3;
const DISK_LOW = 0.2;
const DISK_FULL = 0.1;
const DISK_FULL_BYTES = GIB;
/** Others may read neither secrets nor keys. */
const MODES: readonly (readonly [file: string, allowed: number])[] = [
  ['relay.env', 0o600],
  ['owner.env', 0o600],
];

/** The machine that this runs on: programs, files, disk, clock. */
export const machineChecks: readonly Check[] = [
  {
    name: 'node',
    run: async () => {
      const major = Number(process.versions.node.split('.')[0]);
      if (major >= NODE_MAJOR) return ok(`Node ${process.versions.node}`);
      return failure(`Node ${process.versions.node} is too old`, `install Node ${NODE_MAJOR} or later`);
    },
  },
  {
    name: 'release',
    run: async ({ installation }) => {
      if (!installation) return NOT_INSTALLED;
      const releases = openReleases(installation.prefix);
      const current = releases.linked('current');
      if (current === null)
        return failure(`${installation.prefix}/current names no whole release`, 'run install.sh again');
      const record = readUpgradeRecord(installation.prefix);
      if (record)
        return warning(
          `an upgrade from ${record.from} to ${record.to} was interrupted`,
          'run "3cx-relay upgrade" again',
        );
      const said = versionOf(releases.pathOf(current));
      if (said !== current) return warning(`releases/${current} holds version ${said}`, 'install that version again');
      const previous = releases.linked('previous');
      return ok(`version ${current}${previous === null ? '' : `, ${previous} to go back to`}`);
    },
  },
  {
    name: 'worker-network',
    of: 'worker',
    run: async ({ installation, settings, run }) => {
      if (!installation) return NOT_INSTALLED;
      const shown = await run('systemctl', 'show', '--property=IPAddressDeny', '--value', '3cx-relay-worker.service');
      if (shown.isMissing) return unknown('this machine has no systemctl');
      return judgeWorkerNetwork(shown.output.trim(), settings.values);
    },
  },
  {
    name: 'units',
    run: async ({ installation, run }) => {
      if (!installation) return NOT_INSTALLED;
      const units = [...installation.services.map(({ unit }) => unit), REDIS_UNIT];
      const own = installation.values.REDIS === 'external' ? units.filter(unit => unit !== REDIS_UNIT) : units;
      const active = await run('systemctl', 'is-active', ...own);
      if (active.isMissing) return unknown('this machine has no systemctl');
      const states = active.output.trim().split('\n');
      const down = own.filter((_, n) => states[n] !== 'active');
      if (down.length > 0)
        return failure(
          `not active: ${down.join(', ')}`,
          `look at "journalctl -u ${down[0]}", then "systemctl restart ${down[0]}"`,
        );
      const enabled = await run('systemctl', 'is-enabled', UMBRELLA_UNIT);
      if (enabled.output.trim() !== 'enabled')
        return warning('the relay does not start by itself with the machine', 'run "systemctl enable 3cx-relay"');
      return ok(`${own.length} units are active, and start with the machine`);
    },
  },
  {
    name: 'file-modes',
    run: async ({ installation }) => {
      if (!installation) return NOT_INSTALLED;
      for (const [name, allowed] of MODES) {
        const path = join(installation.configFolder, name);
        const info = await stat(path).catch(() => null);
        if (!info) continue;
        const mode = info.mode & 0o777;
        if ((mode & ~allowed) !== 0)
          return failure(`${path} can be read by others (mode ${mode.toString(8)})`, `chmod 600 ${path}`);
        if (info.uid !== 0) return warning(`${path} belongs to another user than root`, `chown root:root ${path}`);
      }
      return ok('secrets can be read by root alone');
    },
  },
  {
    name: 'setting-names',
    run: async ({ installation, settings }) => {
      if (!installation) return NOT_INSTALLED;
      if (settings.unreadable) return unknown(`${settings.unreadable} can be read by root alone`);
      return judgeSettingNames(readSettingNames(installation.configFolder));
    },
  },
  {
    name: 'disk',
    run: async ({ settings, installation, pool }) => {
      const folders = new Map<string, string>();
      const state = installation?.stateFolder ?? settings.values.SPOOL_DIR ?? '.data';
      folders.set('state', state);
      // Known to superusers, and of use only where the server is on this machine.
      const data = await pool()
        .query<{ data_directory: string }>('SHOW data_directory')
        .then(({ rows }) => rows[0]?.data_directory)
        .catch(() => undefined);
      const { POSTGRES_VERSION: version, POSTGRES_CLUSTER: cluster } = installation?.values ?? {};
      const ofCluster = version && cluster ? `/var/lib/postgresql/${version}/${cluster}` : undefined;
      const postgres = data ?? ofCluster;
      if (postgres) folders.set('PostgreSQL', postgres);
      const findings: Finding[] = [];
      for (const [name, folder] of folders) {
        const room = await roomOf(folder);
        if (room) findings.push(judgeRoom(name, folder, room));
      }
      const worst = ['failure', 'warning'].map(level => findings.find(each => each.level === level)).find(Boolean);
      if (worst) return worst;
      return findings.length === 0
        ? unknown('no folder of data is on this machine')
        : ok(findings.map(each => each.text).join(', '));
    },
  },
];

interface Room {
  readonly free: number;
  readonly total: number;
}

/** Of the folder, or of the one above where it is not there yet. */
async function roomOf(folder: string): Promise<Room | null> {
  const { bavail, blocks, bsize } = (await statfs(folder).catch(() => statfs(dirname(folder)).catch(() => null))) ?? {};
  if (bavail === undefined || blocks === undefined || bsize === undefined) return null;
  return { free: bavail * bsize, total: blocks * bsize };
}

export function judgeRoom(name: string, folder: string, { free, total }: Room): Finding {
  const text = `${name}: ${formatBytes(free)} of ${formatBytes(total)} free`;
  const fix = `make room on the file system of ${folder}, or give it more`;
  if (free < DISK_FULL_BYTES || free < total * DISK_FULL) return failure(text, fix);
  return free < total * DISK_LOW ? warning(text, fix) : ok(text);
}
