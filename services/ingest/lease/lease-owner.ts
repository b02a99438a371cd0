import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Who asks for the lease, as a file in the spool folder. The folder and not the process owns it: after a kill -9 the next
 * process is the same owner and goes on at once. The term says with which time as the writer the spool file belongs:
 * what was spooled in an earlier one stands between entries that another ingest wrote since.
 */
export interface LeaseOwner {
  readonly id: string;
  /** Null before the first. */
  readonly term: string | null;
  /** Safe on the disk when it returns. */
  keepTerm(term: string): void;
}

const stored = z.object({ owner: z.string().regex(/^[0-9a-f]{16,}$/), term: z.string().nullable() });

/** The folder must be there, and locked. A file that cannot be read, or was torn, makes a new owner. */
export function openLeaseOwner(folder: string, pbxId: string): LeaseOwner {
  const path = join(folder, `ingest-${pbxId}.owner.json`);
  const known = read(path);
  const owner = known?.owner ?? randomBytes(8).toString('hex');
  let term = known?.term ?? null;
  if (!known) write(path, { owner, term });
  return {
    id: owner,
    get term() {
      return term;
    },
    keepTerm(next) {
      if (next === term) return;
      write(path, { owner, term: next });
      term = next;
    },
  };
}

function read(path: string): z.output<typeof stored> | undefined {
  try {
    return stored.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function write(path: string, content: z.output<typeof stored>): void {
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, JSON.stringify(content));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
