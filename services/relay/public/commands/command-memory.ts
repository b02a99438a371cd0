import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { CommandAnswer, CommandContext } from './command-answer.ts';

/**
 * What an idempotency key stands for, for a day: the request it came with, the command that was made of it, and the
 * answer when there is one. It is written before the command is sent, so that whoever comes with the same key finds the
 * same command and asks for that one, which ingest executes once.
 */
export interface Remembered {
  readonly fingerprint: string;
  readonly context: CommandContext;
  readonly answer: CommandAnswer | null;
}

export interface CommandMemory {
  find(): Promise<Remembered | null>;
  /** Null when it is remembered now; what was there when somebody else was faster. */
  claim(remembered: Remembered): Promise<Remembered | null>;
  answer(remembered: Remembered, answer: CommandAnswer): Promise<unknown>;
  forget(remembered: Remembered): Promise<unknown>;
}

const KEPT_SECONDS = 24 * 3600;
const FORGET_SAME = readFileSync(new URL('./forget-same.lua', import.meta.url), 'utf8');

/** `owner`: two clients may use the same idempotency key. */
export function createCommandMemory(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  owner: string,
  idempotencyKey: string,
): CommandMemory {
  const key = keys.idempotency(owner, digestOf(idempotencyKey));
  const find = async () => {
    const text = await redis.get(key);
    return text === null ? null : (JSON.parse(text) as Remembered);
  };
  return {
    find,
    async claim(remembered) {
      const set = await redis.set(key, JSON.stringify(remembered), 'EX', KEPT_SECONDS, 'NX');
      return set === null ? find() : null;
    },
    // Never anew: a key that expired or was forgotten meanwhile would come back without an end.
    answer: (remembered, answer) => redis.set(key, JSON.stringify({ ...remembered, answer }), 'KEEPTTL', 'XX'),
    forget: remembered => redis.eval(FORGET_SAME, 1, key, JSON.stringify(remembered)),
  };
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
