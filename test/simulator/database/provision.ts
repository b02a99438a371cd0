import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type DatabaseNames, type Login, loginUrl } from './database-names.ts';
import type { LastIds, LayoutName } from './layout.ts';

/** Nothing can be made here, and trying again will not help. */
export class Refused extends Error {}

export type Person = { id: number; dn: string; name: string };
export type ProvisionRequest = {
  adminUrl: string;
  names: DatabaseNames;
  layout: LayoutName;
  people: readonly Person[];
  parameters: Readonly<Record<string, string>>;
};

const CONNECT_TIMEOUT_MS = 5000;
const PERMISSION_DENIED = '42501';
const DROP_WITHIN_MS = 10_000;
const DROP_RETRY_MS = 100;
/**
 * Stands as a comment at the roles. On the server of a real PBX the same names belong to it: giving `phonesystem` a new
 * password would stop its telephones.
 */
const MARK = 'made by the PBX simulator';
const { escapeIdentifier, escapeLiteral } = pg;

/** Brings roles, database and tables to where a PBX has them. Again over an older run: nothing recorded is lost. */
export async function provision(request: ProvisionRequest): Promise<LastIds> {
  const { adminUrl, names } = request;
  await asAdmin(adminUrl, async admin => {
    const missing = await missingRights(admin);
    if (missing !== null) throw new Refused(missing);
    try {
      for (const login of [names.owner, names.reader]) await createRole(admin, login);
      await createDatabase(admin, names);
    } catch (cause) {
      if (!(cause instanceof pg.DatabaseError) || cause.code !== PERMISSION_DENIED) throw cause;
      throw new Refused(
        `The role of SIM_DATABASE_URL may not manage ${names.database} and its roles (${cause.message}): set SIM_DATABASE_NAME to a new name.`,
        { cause },
      );
    }
  });
  return withClient(loginUrl(adminUrl, names, names.owner), owner => createTables(owner, request));
}

/** Database and roles, with the sessions that are still in it. */
export async function dropPbxDatabase(adminUrl: string, names: DatabaseNames): Promise<void> {
  await asAdmin(adminUrl, async admin => {
    await dropDatabase(admin, names.database);
    for (const { role } of [names.reader, names.owner])
      await admin.query(`DROP ROLE IF EXISTS ${escapeIdentifier(role)}`);
  });
}

/** PostgreSQL's own vacuum may be at work there, which only a superuser may end: it is over soon. */
async function dropDatabase(admin: pg.Client, database: string): Promise<void> {
  const deadline = Date.now() + DROP_WITHIN_MS;
  for (;;) {
    try {
      await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(database)} WITH (FORCE)`);
      return;
    } catch (error) {
      const isBusy = error instanceof pg.DatabaseError && error.code === PERMISSION_DENIED;
      if (!isBusy || Date.now() > deadline) throw error;
      await sleep(DROP_RETRY_MS);
    }
  }
}

export async function setPassword(admin: pg.Client, { role, password }: Login): Promise<void> {
  await admin.query(`ALTER ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`);
}

export function asAdmin<Result>(adminUrl: string, work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  return withClient(adminUrl, work);
}

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // The query in progress rejects as well; without a listener the event would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Why this role cannot make the PBX's database, or null when it can. */
export async function missingRights(admin: pg.Client): Promise<string | null> {
  const { rows } = await admin.query<{ role: string; suffices: boolean }>(
    `SELECT rolname AS role, rolsuper OR (rolcreatedb AND rolcreaterole) AS suffices FROM pg_roles WHERE rolname = current_user`,
  );
  if (rows[0]?.suffices) return null;
  return `The role ${rows[0]?.role ?? 'of SIM_DATABASE_URL'} lacks CREATEDB and CREATEROLE, so the simulator runs without the PBX's database; grant both, or set SIM_DATABASE_URL to a role that has them.`;
}

async function createRole(admin: pg.Client, login: Login): Promise<void> {
  const role = escapeIdentifier(login.role);
  const { rows } = await admin.query<{ mark: string | null }>(
    "SELECT shobj_description(oid, 'pg_authid') AS mark FROM pg_roles WHERE rolname = $1",
    [login.role],
  );
  if (rows[0] && rows[0].mark !== MARK) throw notOurs(`The role ${login.role}`);
  if (!rows[0]) {
    // Who creates a role may manage it but not act for it; the grant is what owning its database and ending its sessions
    // needs. In one transaction: a role without its mark would never be ours again.
    await admin.query(
      `BEGIN; CREATE ROLE ${role}; COMMENT ON ROLE ${role} IS ${escapeLiteral(MARK)}; GRANT ${role} TO CURRENT_USER; COMMIT`,
    );
  }
  await setPassword(admin, login);
}

async function createDatabase(admin: pg.Client, { database, owner, reader }: DatabaseNames): Promise<void> {
  const name = escapeIdentifier(database);
  const { rows } = await admin.query<{ owner: string }>(
    'SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1',
    [database],
  );
  if (rows[0] && rows[0].owner !== owner.role) throw notOurs(`The database ${database}`);
  if (!rows[0]) {
    await admin.query(`CREATE DATABASE ${name} OWNER ${escapeIdentifier(owner.role)} TEMPLATE template0`);
    await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${escapeIdentifier(reader.role)}`);
  } else {
    // A simulator that was killed during the fault `database-down` left it closed.
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  }
}

function notOurs(what: string): Refused {
  return new Refused(
    `${what} was not made by the simulator and is left alone, so it runs without the PBX's database; set SIM_DATABASE_NAME to a new name.`,
  );
}

async function createTables(owner: pg.Client, request: ProvisionRequest): Promise<LastIds> {
  const reader = escapeIdentifier(request.names.reader.role);
  const layoutSql = readFileSync(new URL(`./sql/${request.layout}.sql`, import.meta.url), 'utf8');
  const commonSql = readFileSync(new URL('./sql/common.sql', import.meta.url), 'utf8');
  await owner.query(
    `BEGIN; SET LOCAL client_min_messages = warning; ${layoutSql} ${commonSql} GRANT USAGE ON SCHEMA public TO ${reader}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}; COMMIT`,
  );
  await owner.query(
    `INSERT INTO users SELECT * FROM jsonb_to_recordset($1) AS person (id integer, dn text, display_name text)
     ON CONFLICT (id) DO UPDATE SET dn = EXCLUDED.dn, display_name = EXCLUDED.display_name`,
    [JSON.stringify(request.people.map(({ id, dn, name }) => ({ id, dn, display_name: name })))],
  );
  await owner.query(
    `INSERT INTO parameter (name, value) SELECT key, value FROM jsonb_each_text($1) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value`,
    [JSON.stringify(request.parameters)],
  );
  if (request.layout !== 'spec') return {};
  const { rows } = await owner.query<Record<string, string>>(
    `SELECT (SELECT coalesce(max(id), 0) FROM cdr_output) AS cdr_output,
            (SELECT coalesce(max(id), 0) FROM operator_state_history) AS operator_state_history`,
  );
  return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([table, id]) => [table, Number(id)]));
}
