import { type CallCommandResult, callCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';

/**
 * What makes a command happen at most once: a mark that is written before anything goes to the PBX, and that holds the
 * result afterwards. A mark without a result is that of a process that died in between, and nobody will ever know what
 * came of it.
 */
export type Mark =
  | { readonly kind: 'none' }
  | { readonly kind: 'started' }
  | { readonly kind: 'finished'; readonly result: CallCommandResult };

export interface CommandMarks {
  read(commandId: string): Promise<Mark>;
  /** Sets the mark; anything but `none` means that it stood before. */
  start(commandId: string): Promise<Mark>;
  finish(commandId: string, result: CallCommandResult): Promise<void>;
}

/** As long as a caller may repeat a command with the same idempotency key. */
const KEPT_SECONDS = 24 * 3600;
const STARTED = 'started';

export function createCommandMarks({ redis, keys }: { redis: Redis; keys: LogKeys }): CommandMarks {
  const read = async (commandId: string): Promise<Mark> => toMark(await redis.get(keys.command(commandId)));
  return {
    read,
    async start(commandId) {
      const set = await redis.set(keys.command(commandId), STARTED, 'EX', KEPT_SECONDS, 'NX');
      return set === null ? read(commandId) : { kind: 'none' };
    },
    async finish(commandId, result) {
      await redis.set(keys.command(commandId), JSON.stringify(result), 'EX', KEPT_SECONDS);
    },
  };
}

function toMark(text: string | null): Mark {
  if (text === null) return { kind: 'none' };
  if (text === STARTED) return { kind: 'started' };
  try {
    return { kind: 'finished', result: callCommandResult.parse(JSON.parse(text)) };
  } catch {
    return { kind: 'started' };
  }
}
