import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseNames } from './database-names.ts';
import type { LayoutName } from './layout.ts';

type Sections = Record<string, Record<string, string | number>>;
type IniRequest = { root: string; layout: LayoutName; adminUrl: string; names: DatabaseNames };

/** Where a PBX of this kind keeps the file, below a root (3cx.md C8 and §3.1 against the specification). */
const PLACES: Record<LayoutName, string> = {
  v20: 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini',
  spec: 'var/lib/3cxpbx/Instance1/Bin/3CXPhoneSystem.ini',
};

/** Anything but `spec` is the default layout; the simulator itself refuses a name it does not know. */
export function iniPath(root: string, layout: string | undefined): string {
  return join(root, layout === 'spec' ? PLACES.spec : PLACES.v20);
}

/** Written beside and renamed, so that nobody reads half of it, and readable by its owner only: it holds passwords. */
export function writeIni(request: IniRequest): string {
  const path = iniPath(request.root, request.layout);
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, render(sectionsOf(request)), { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  return path;
}

export function removeIni(root: string, layout: LayoutName): void {
  rmSync(iniPath(root, layout), { force: true });
}

function sectionsOf({ layout, adminUrl, names }: IniRequest): Sections {
  const { hostname, port } = new URL(adminUrl);
  const server = { DBHost: hostname, DBPort: port || 5432 };
  if (layout === 'spec') {
    return {
      CallReports: {
        SERVER: hostname,
        PORT: port || 5432,
        DATABASE: names.database,
        USERNAME: names.reader.role,
        PASSWORD: names.reader.password,
      },
    };
  }
  return {
    General: { AppPath: '/usr/lib/3cxpbx', ServerVersion: '20.0.8.1109' },
    ConfService: { ConfPort: 5485, confUser: 'simulated', confPass: 'simulated' },
    CfgServerProfile: {
      ...server,
      MasterDBUser: names.owner.role,
      MasterDBPassword: names.owner.password,
      MasterDBName: names.database,
    },
    QMDatabase: { DBName: names.database, ...server },
    DbAdminREADONLY: { User: names.reader.role, Password: names.reader.password },
  };
}

/** `Key = Value`, unquoted, with spaces around the sign (3cx.md §3.1). */
function render(sections: Sections): string {
  return Object.entries(sections)
    .map(([name, keys]) =>
      [`[${name}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), ''].join('\n'),
    )
    .join('\n');
}
