import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { ProblemError } from '../problem-error.ts';
import type { CommandAnswer, CommandContext } from './command-answer.ts';

/**
 * What an idempotency key stands for, for a day: the request it came with and the command that was made of it, and once
 * there is an answer that will not change, the answer alone. It is written before the command is sent, so that whoever
 * comes with the same key finds the same command and asks for that one, which ingest executes once.
 *
 * Each is a kilobyte or two in Redis for a day, whatever was sent, and an owner has so many at most: who makes up a new
 * key for every request would fill it otherwise.
 */
export type Remembered = Pending | Settled;

export interface Pending {
  readonly fingerprint: string;
  readonly context: CommandContext;
}

export interface Settled {
  readonly fingerprint: string;
  /** The extension it was for. */
  readonly dn: string;
  readonly answer: CommandAnswer;
}

export interface CommandMemory {
  find(): Promise<Remembered | null>;
  /**
   * Null when it is remembered now; what was there when somebody else was faster.
   *
   * @throws ProblemError when its owner has too many
   */
  claim(pending: Pending): Promise<Remembered | null>;
  settle(pending: Pending, answer: CommandAnswer): Promise<unknown>;
  /** Nobody knows what came of it: its body goes, which is never sent again, because its time is over. */
  lighten(pending: Pending): Promise<unknown>;
  forget(pending: Pending): Promise<unknown>;
}

export interface CommandMemoryOptions {
  /** Two owners may use the same idempotency key. */
  readonly owner: string;
  readonly idempotencyKey: string;
  /** Keys of one owner. */
  readonly maxKeys: number;
}

const KEPT_SECONDS = 24 * 3600;
const REMEMBER = readFileSync(new URL('./remember-command.lua', import.meta.url), 'utf8');
const FORGET_SAME = readFileSync(new URL('./forget-same.lua', import.meta.url), 'utf8');

export function createCommandMemory(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  { owner, idempotencyKey, maxKeys }: CommandMemoryOptions,
): CommandMemory {
  const digest = digestOf(idempotencyKey);
  const [key, all] = [keys.idempotency(owner, digest), keys.idempotencyKeys(owner)];
  // Never anew: a key that expired or was forgotten meanwhile would come back without an end.
  const rewrite = (remembered: Remembered) => redis.set(key, JSON.stringify(remembered), 'KEEPTTL', 'XX');
  return {
    async find() {
      const text = await redis.get(key);
      return text === null ? null : parse(text);
    },
    async claim(pending) {
      const now = Date.now();
      const values = [JSON.stringify(pending), KEPT_SECONDS, digest, now, maxKeys];
      const [outcome, value = ''] = (await redis.eval(REMEMBER, 2, key, all, ...values)) as [string, string?];
      if (outcome === 'known') return parse(value);
      if (outcome === 'full') throw tooMany(maxKeys, Number(value) - now);
      return null;
    },
    settle: ({ fingerprint, context }, answer) => rewrite({ fingerprint, dn: context.command.dn, answer }),
    async lighten({ fingerprint, context }) {
      const { attachedData } = context.command;
      if (!attachedData || Date.now() < context.command.expiresAt) return;
      // The names are for the audit.
      const names = Object.fromEntries(Object.keys(attachedData).map(name => [name, '']));
      await rewrite({ fingerprint, context: { ...context, command: { ...context.command, attachedData: names } } });
    },
    forget: pending => redis.eval(FORGET_SAME, 2, key, all, JSON.stringify(pending), digest),
  };
}

/** Until 0.1.0 the command stayed beside its answer; there may be such for a day. */
function parse(text: string): Remembered {
  const { fingerprint, context, answer, dn } = JSON.parse(text) as Pending & Partial<Settled>;
  return answer ? { fingerprint, dn: dn ?? context.command.dn, answer } : { fingerprint, context };
}

function tooMany(maxKeys: number, retryAfterMs: number): ProblemError {
  const detail = `${maxKeys} idempotency keys of this holder are kept already, each for 24 hours (RELAY_MAX_IDEMPOTENCY_KEYS): the command was not executed`;
  const { problem } = new ProblemError('too_many_idempotency_keys', detail);
  return ProblemError.of({ ...problem, retryAfterMs: Math.max(1_000, retryAfterMs) });
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
