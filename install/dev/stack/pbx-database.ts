import { asAdmin, missingRights } from '../../../test/simulator/database/provision.ts';
import type { RunningServer } from '../servers/running-server.ts';
import { warn } from '../terminal.js';
import type { Environment } from './environment.ts';
import { hasPbx } from './services.ts';

/**
 * Where the simulator makes the database of its PBX. Undefined: nowhere, and then ingest must not be sent to look for
 * it, or it would report a database that is down.
 */
export async function choosePbxDatabase(environment: Environment, server: RunningServer): Promise<string | undefined> {
  if (hasPbx(environment)) return undefined;
  const url = environment.SIM_DATABASE_URL ?? server.adminUrl ?? server.url;
  if (url === server.adminUrl) return url;
  try {
    const missing = await asAdmin(url, missingRights);
    if (missing === null) return url;
    warn(missing);
    return undefined;
  } catch {
    // A server that is away just now: the simulator waits for it.
    return url;
  }
}
