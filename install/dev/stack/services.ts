import { iniPath } from '../../../test/simulator/database/ini-file.ts';
import { findFreePort } from '../system/ports.ts';
import type { DataFolder } from './data-folder.ts';
import type { Environment } from './environment.ts';
import type { Secrets } from './secrets.ts';
import type { ServiceDefinition } from './service.ts';

const simulatorClientId = 'relay';

export type ServicePlan = {
  relayUrl: string;
  simulatorUrl: string | undefined;
  definitions: ServiceDefinition[];
};

/** A phone system is configured, so there is nothing to simulate. */
export function hasPbx(environment: Environment): boolean {
  return environment.PBX_URL !== undefined || environment.FQDN !== undefined;
}

/** What each process is told. The simulator runs only when no phone system is configured. */
export async function planServices(request: {
  environment: Environment;
  folder: DataFolder;
  secrets: Readonly<Secrets>;
  /** The worker owns the tables; relay and ingest sign in with less. */
  addresses: { redisUrl: string; databaseUrl: string; serviceDatabaseUrl: string };
  /** Where the simulator makes the database of its PBX, when it may. */
  pbxDatabaseUrl: string | undefined;
  relayPort: number;
}): Promise<ServicePlan> {
  const { environment, folder, secrets, addresses, pbxDatabaseUrl, relayPort } = request;
  // The launcher's own settings: a service would report them as unknown, or follow one that is decided here.
  const { RELAY_DATA_DIR: _, RELAY_BUILD_PANEL: __, SIM_DATABASE_URL: ___, ...forServices } = environment;
  const shared: Environment = {
    ...forServices,
    REDIS_URL: addresses.redisUrl,
    DATABASE_URL: addresses.serviceDatabaseUrl,
  };
  const relayUrl = `http://127.0.0.1:${relayPort}`;
  const simulatorPort = hasPbx(environment) ? undefined : await findFreePort();
  const simulatorUrl = simulatorPort === undefined ? undefined : `http://127.0.0.1:${simulatorPort}`;

  const definitions: ServiceDefinition[] = [
    await withInternalPort('worker', {
      ...shared,
      DATABASE_URL: addresses.databaseUrl,
      AUDIT_ANCHOR_FILE: environment.AUDIT_ANCHOR_FILE ?? folder.auditAnchors,
    }),
    await withInternalPort('ingest', {
      ...shared,
      SPOOL_DIR: environment.SPOOL_DIR ?? folder.spool,
      ...(simulatorUrl === undefined
        ? {}
        : {
            PBX_URL: simulatorUrl,
            CLIENT_ID: simulatorClientId,
            CLIENT_SECRET: secrets.simulatorSecret,
            ...(pbxDatabaseUrl === undefined
              ? {}
              : { PBX_INI: environment.PBX_INI ?? iniPath(folder.pbx, environment.SIM_DATABASE_LAYOUT) }),
          }),
    }),
    await withInternalPort('relay', {
      ...shared,
      PORT: String(relayPort),
      HOST: '127.0.0.1',
      ADMIN_SECRET: environment.ADMIN_SECRET ?? secrets.adminSecret,
    }),
  ];
  if (simulatorPort !== undefined && simulatorUrl !== undefined) {
    definitions.unshift({
      name: 'simulator',
      program: 'test/simulator/main.ts',
      readyUrl: `${simulatorUrl}/sim/health`,
      env: {
        ...forServices,
        SIM_PORT: String(simulatorPort),
        SIM_CLIENT_ID: simulatorClientId,
        SIM_CLIENT_SECRET: secrets.simulatorSecret,
        ...(pbxDatabaseUrl === undefined ? {} : { SIM_DATABASE_URL: pbxDatabaseUrl, SIM_INI_DIR: folder.pbx }),
        SIM_CALLS_PER_MINUTE: environment.SIM_CALLS_PER_MINUTE ?? '60',
      },
    });
  }
  return { relayUrl, simulatorUrl, definitions };
}

async function withInternalPort(name: 'worker' | 'ingest' | 'relay', env: Environment): Promise<ServiceDefinition> {
  const port = await findFreePort();
  return {
    name,
    program: `services/${name}/main.ts`,
    env: { ...env, INTERNAL_PORT: String(port) },
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  };
}
