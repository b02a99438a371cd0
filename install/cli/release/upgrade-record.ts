import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What is written down before `current` is changed, and removed when the outcome is settled: whoever comes after a power
 * cut in between knows from it what was begun.
 */
export interface UpgradeRecord {
  readonly from: string;
  readonly to: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

const NAME = 'upgrade.json';

export function readUpgradeRecord(prefix: string): UpgradeRecord | null {
  try {
    const { from, to, startedAt } = JSON.parse(readFileSync(join(prefix, NAME), 'utf8'));
    return typeof from === 'string' && typeof to === 'string' ? { from, to, startedAt: String(startedAt) } : null;
  } catch {
    return null;
  }
}

/** On the disk when it returns. */
export function writeUpgradeRecord(prefix: string, record: UpgradeRecord): void {
  const draft = join(prefix, `.${NAME}.${process.pid}`);
  const file = openSync(draft, 'w', 0o644);
  try {
    writeSync(file, `${JSON.stringify(record)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, join(prefix, NAME));
}

export function removeUpgradeRecord(prefix: string): void {
  rmSync(join(prefix, NAME), { force: true });
}
