import { createHmac } from 'node:crypto';

export type DatabaseNames = { database: string; owner: Login; reader: Login };
export type Login = { role: string; password: string };

/**
 * `database_single`, `phonesystem` and `logsreader_single` as on a real PBX (3cx.md §3.1). Roles belong to the whole
 * server, so another database brings roles of its own name: `database_x` has `phonesystem_x` and `logsreader_x`.
 *
 * The passwords follow from the administrator's: they stay the same over restarts without being kept anywhere, so the
 * ini file a reader has found before is still right.
 */
export function databaseNames(database: string, adminUrl: string): DatabaseNames {
  const suffix = database.replace(/^database_/, '');
  const login = (role: string): Login => ({
    role,
    password: createHmac('sha256', new URL(adminUrl).password)
      .update(`${database}/${role}`)
      .digest('base64url')
      .slice(0, 24),
  });
  return {
    database,
    owner: login(suffix === 'single' ? 'phonesystem' : `phonesystem_${suffix}`),
    reader: login(`logsreader_${suffix}`),
  };
}

/** The address of the PBX's database for one of its roles, on the server of the administrator. */
export function loginUrl(adminUrl: string, names: DatabaseNames, login: Login): string {
  const url = new URL(adminUrl);
  url.username = login.role;
  url.password = login.password;
  url.pathname = `/${names.database}`;
  return url.href;
}
