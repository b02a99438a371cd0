import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** What install.sh made on this machine, as `install.env` says it. */
export interface Installation {
  readonly prefix: string;
  /** Of `install.env`, `relay.env`, `owner.env`. */
  readonly configFolder: string;
  readonly stateFolder: string;
  readonly backupFolder: string;
  /** Those of this machine, in the order in which they are restarted: whoever feeds the others comes last. */
  readonly services: readonly InstalledService[];
  /** Every key of install.env. */
  readonly values: Readonly<Record<string, string | undefined>>;
}

export type ServiceName = 'worker' | 'relay' | 'ingest';

export interface InstalledService {
  readonly name: ServiceName;
  readonly unit: string;
  /** Of `/livez`, `/readyz` and `/metrics`. */
  readonly internalPort: number;
}

export const REDIS_UNIT = '3cx-relay-redis.service';
/** Makes a backup every night, where somebody wants that. */
export const BACKUP_TIMER = '3cx-relay-backup.timer';
/** Starts and stops all of them. */
export const UMBRELLA_UNIT = '3cx-relay.service';

const INTERNAL_PORTS: Readonly<Record<ServiceName, number>> = { worker: 8085, relay: 8084, ingest: 8083 };

/** Null where nothing is installed. `RELAY_CONFIG_DIR` names another folder than `/etc/3cx-relay`. */
export function readInstallation(environment: NodeJS.ProcessEnv): Installation | null {
  const folder = environment.RELAY_CONFIG_DIR || '/etc/3cx-relay';
  let values: Installation['values'];
  try {
    values = parseEnv(readFileSync(join(folder, 'install.env'), 'utf8'));
  } catch {
    return null;
  }
  // An installation of an earlier version does not name them, and has all.
  const names = values.SERVICES?.split(',');
  const services = (Object.keys(INTERNAL_PORTS) as ServiceName[])
    .filter(name => names?.includes(name) ?? true)
    .map(name => ({
      name,
      unit: `3cx-relay-${name}.service`,
      internalPort: Number(values[`${name.toUpperCase()}_INTERNAL_PORT`] || INTERNAL_PORTS[name]),
    }));
  return {
    prefix: values.PREFIX || '/opt/3cx-relay',
    configFolder: folder,
    stateFolder: values.STATE_DIR || '/var/lib/3cx-relay',
    backupFolder: values.BACKUP_DIR || '/var/backups/3cx-relay',
    services,
    values,
  };
}

/** Whether it is on another machine: where nothing is installed, nobody can say so. */
export function isElsewhere(name: ServiceName, installation: Installation | null): boolean {
  return installation !== null && !installation.services.some(service => service.name === name);
}
