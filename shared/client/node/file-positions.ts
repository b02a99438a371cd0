import { open, readFile, rename } from 'node:fs/promises';
import type { Channel } from '../../wire/channels.ts';
import type { PositionStore } from '../position-store.ts';

/**
 * In a file, for Node: `{"calls":"<position>"}`. It is replaced as a whole and written to disk before: a position that a
 * power failure took away would be a start at `now`, and so a loss. One program at a time.
 *
 * @throws Error naming the file, when it holds something else
 */
export function filePositions(path: string): PositionStore {
  const draft = `${path}.${process.pid}.tmp`;
  let kept: Promise<Map<string, string>> | undefined;

  return {
    async load(channel) {
      kept ??= readPositions(path);
      return (await kept).get(channel);
    },
    async save(channel: Channel, position: string) {
      kept ??= readPositions(path);
      const positions = (await kept).set(channel, position);
      const file = await open(draft, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(Object.fromEntries(positions))}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    },
  };
}

async function readPositions(path: string): Promise<Map<string, string>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map();
    throw new Error(`${path} cannot be read as a file of positions; correct or remove it`, { cause });
  }
  const entries = typeof content === 'object' && content !== null ? Object.entries(content) : [['', null] as const];
  if (entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) return new Map(entries);
  throw new Error(`${path} is no file of positions, which is {"<channel>":"<position>"}; correct or remove it`);
}
