import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** What an operator can be told, as it stands in the sources. */
function sources(folder: string): string {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(({ name, parentPath }) => /(?<!\.test)\.(ts|sql)$/.test(name) && !parentPath.includes('node_modules'))
    .map(({ name, parentPath }) => readFileSync(join(parentPath, name), 'utf8'))
    .join('\n');
}

/** The code spans of the first column of the failure tables. */
function seen(): string[] {
  const table = read('install/OPERATING.md').split('## Failure table')[1] ?? '';
  const cells = [...table.matchAll(/^\| (?!You see|-)(.*?) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span));
}

const rules = (
  parse(read('install/prometheus/alerts.yml')) as {
    groups: {
      rules: { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string } }[];
    }[];
  }
).groups.flatMap(group => group.rules);

it('every message of the failure table is one that the code can say, every name an alert', () => {
  const code = `${sources('services')}\n${sources('shared')}`.replaceAll("\\'", "'");
  const alerts = new Set(rules.map(({ alert }) => alert));
  const unknown = seen().filter(text => (/^[A-Z][A-Za-z]+$/.test(text) ? !alerts.has(text) : !code.includes(text)));
  expect(unknown).toEqual([]);
});

it('every alert has a line in the failure table, a summary and a severity', () => {
  const told = new Set(seen());
  expect(rules.map(({ alert }) => alert).filter(alert => !told.has(alert))).toEqual([]);
  for (const { alert, labels, annotations } of rules) {
    expect(['page', 'ticket'], alert).toContain(labels.severity);
    expect(annotations.summary, alert).toMatch(/\w/);
  }
});

it('links between documents lead somewhere', () => {
  for (const name of ['OPERATING', 'SCALING', 'UPGRADING', 'CHANGELOG']) {
    for (const [, target = ''] of read(`install/${name}.md`).matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)) {
      expect(() => read(join('install', target)), `${name}: ${target}`).not.toThrow();
    }
  }
});

it('the cluster of PostgreSQL has one name', () => {
  const [, name] = /^ *POSTGRES_CLUSTER=(\w+)$/m.exec(read('install/steps/common.sh')) ?? [];
  const commands = [
    ...read('install/UPGRADING.md').matchAll(/^pg_(?:upgrade|drop)cluster .*?([a-z0-9]*[_-]relay)\b/gim),
  ];
  expect(commands.map(([, named]) => named)).toEqual([name, name]);
  expect(read('install/UPGRADING.md')).not.toMatch(/cluster `(?!3cx_relay`)/);
});

it('the newest version in the list of changes is that of the product', () => {
  const [, newest] = /^## \[(\d[^\]]*)\]/m.exec(read('install/CHANGELOG.md')) ?? [];
  expect(newest).toBe(JSON.parse(read('package.json')).version);
});
