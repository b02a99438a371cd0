import { readFileSync } from 'node:fs';

/** The text of `sql/<name>.sql`: one statement, read when the module that owns it is loaded. */
export function loadSql(name: string): string {
  return readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8');
}
