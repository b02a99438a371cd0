import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

/**
 * Anchors of the audit: where the chain ended at a moment, kept outside the database. Who can write to the database can
 * cut the chain's end off, or build it anew from the beginning; an anchor that he cannot reach shows both.
 */
export interface AuditAnchor {
  readonly at: string;
  readonly seq: number;
  /** Hexadecimal. */
  readonly hash: string;
}

const anchor = z.object({
  at: z.iso.datetime(),
  seq: z.int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Oldest first; none when there is no file. A line that is none, as a crash may leave, is only counted. */
export async function readAnchors(path: string): Promise<{ anchors: AuditAnchor[]; unreadable: number }> {
  const text = await readFile(path, 'utf8').catch(error => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter(line => line !== '');
  const anchors = lines.flatMap(line => decode(line) ?? []);
  return { anchors, unreadable: lines.length - anchors.length };
}

/** On the disk when it resolves. Only ever appends, so that the file may be made append-only for everybody. */
export async function appendAnchor(path: string, { at, seq, hash }: AuditAnchor): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const isCutOff = size > 0 && buffer.toString() !== '\n';
    await file.write(`${isCutOff ? '\n' : ''}${JSON.stringify({ at, seq, hash })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

function decode(line: string): AuditAnchor | null {
  try {
    return anchor.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
