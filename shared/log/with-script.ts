import type { Redis } from 'ioredis';

/**
 * The connection with a script as a command of its own: the server gets its text once, and from then on its hash.
 * `Command` is the shape that the command has.
 */
export function withScript<Command>(
  redis: Redis,
  name: string,
  script: { readonly numberOfKeys: number; readonly lua: string },
): Command {
  if (!(name in redis)) redis.defineCommand(name, script);
  return redis as unknown as Command;
}
