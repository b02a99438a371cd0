import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fail, say, succeed } from './terminal.js';

/**
 * `npm run audit:packages`: known weaknesses of the packages that a release ships. A registry that does not answer, or
 * has no advisories, is no clean result and no failure of a check either: it is said, and the exit code is 2.
 */
const startedAt = Date.now();
const root = fileURLToPath(new URL('../..', import.meta.url));
const asked = spawnSync('npm', ['audit', '--omit=dev', '--json', '--audit-level=none'], {
  cwd: root,
  encoding: 'utf8',
  timeout: 120_000,
  maxBuffer: 64 * 1024 * 1024,
});
const counted = countsIn(asked.stdout ?? '');
if (!counted) {
  fail('the packages were NOT audited: the registry does not answer, or has no advisories. Ask one that has them.');
  say((asked.stderr ?? '').split('\n').slice(0, 3).join('\n'));
  process.exitCode = 2;
} else if (counted.total === 0) {
  succeed('packages', 'no known weakness', Date.now() - startedAt);
} else {
  fail(
    `known weaknesses in ${counted.total} packages, ${counted.high + counted.critical} of them high or critical: npm audit --omit=dev`,
  );
  process.exitCode = 1;
}

interface Counts {
  readonly total: number;
  readonly high: number;
  readonly critical: number;
}

function countsIn(json: string): Counts | null {
  try {
    return (JSON.parse(json) as { metadata?: { vulnerabilities?: Counts } }).metadata?.vulnerabilities ?? null;
  } catch {
    return null;
  }
}
