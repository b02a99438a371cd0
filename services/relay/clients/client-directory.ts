import { randomUUID } from 'node:crypto';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { publishToAll } from '@3cx-relay/shared/runtime/redis-server.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { type ClientsAnswer, type ConnectedClient, connectedClient } from '@3cx-relay/shared/wire/admin/clients.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import { z } from 'zod';
import { endOf } from '../keys/live-keys.ts';
import type { Hub } from '../live/hub.ts';
import { ProblemError } from '../public/problem-error.ts';
import { type ListClientsDeps, listClients } from './list-clients.ts';

/**
 * Who is connected to any relay instance. Nothing is written while nobody asks: whoever wants to know publishes a
 * question, every instance answers on the asker's channel, and the number of those who heard it, which Redis tells, says
 * when all have answered. An instance that does not answer in time is missing, and the answer says so.
 */
export interface ClientDirectory {
  /** @throws ProblemError `unavailable` when Redis does not answer in time */
  list(): Promise<ClientsAnswer>;
  /**
   * Whoever is told to leave may come back.
   *
   * @throws ProblemError `unavailable` when Redis does not answer in time
   */
  disconnect(session: string): Promise<DisconnectOutcome>;
  stop(): Promise<void>;
}

export interface DisconnectOutcome {
  /** Null: no instance that answered has it. */
  readonly client: ConnectedClient | null;
  readonly incomplete: string | null;
}

export interface ClientDirectoryOptions {
  readonly redisUrl: string;
  /** How long the others have to answer. */
  readonly waitMs: number;
  /** Clients that one instance lists. */
  readonly maxClients: number;
}

const question = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('list'), id: z.string(), from: z.string() }),
  z.object({ kind: z.literal('disconnect'), id: z.string(), from: z.string(), session: z.string() }),
]);

const answer = z.object({
  id: z.string(),
  instance: z.string(),
  clients: z.array(connectedClient),
  truncated: z.int(),
});

const PULSE_MS = 2_000;
/** For the server to answer one. */
const SILENCE_MS = 2_000;

type Question = z.infer<typeof question>;
type Answer = z.infer<typeof answer>;
type Asked = { kind: 'list' } | { kind: 'disconnect'; session: string };

interface Waiting {
  readonly answers: Answer[];
  wake(): void;
}

export function createClientDirectory(
  deps: Omit<ListClientsDeps, 'instance' | 'hub'> & {
    hub: Hub;
    redis: Redis;
    keys: LogKeys;
    logger: Logger;
  },
  options: ClientDirectoryOptions,
): ClientDirectory {
  const { redis, keys, hub, logger } = deps;
  const instance = randomUUID().slice(0, 8);
  const own = { ...deps, instance };
  const waiting = new Map<string, Waiting>();
  const subscriber = connectRedis(options.redisUrl, { name: 'relay-clients', logger, silenceMs: SILENCE_MS });
  // Done here, where its failure is caught: ioredis leaves that of its own as an unhandled rejection.
  subscriber.redis.options.autoResubscribe = false;
  const channels = { questions: keys.clientQuestions, answers: keys.clientAnswers(instance) };

  /**
   * Again and again, which changes nothing where it has been done: ioredis repeats after an outage only what succeeded
   * before, and whoever only listens sends nothing and does not notice that the server froze. What is not answered makes
   * the connection be given up.
   */
  function subscribe(): void {
    subscriber.redis
      .subscribe(channels.questions, channels.answers)
      .catch((err: unknown) => logger.debug({ err }, 'clients of this instance cannot be listed yet'));
  }
  subscriber.redis.on('ready', subscribe);
  const pulse = setInterval(subscribe, PULSE_MS).unref();

  subscriber.redis.on('message', (channel, text) => {
    if (channel === channels.questions) void hear(text);
    else take(text);
  });
  let listing: Promise<ClientsAnswer> | null = null;

  /** Anybody who has the Redis may publish there: what is no question is not answered. */
  async function hear(text: string): Promise<void> {
    const asked = parseAs(question, text);
    if (!asked) return;
    const found = asked.kind === 'list' ? listClients(own, options.maxClients) : dismiss(asked.session);
    const reply: Answer = { id: asked.id, instance, ...found };
    await redis
      .publish(keys.clientAnswers(asked.from), JSON.stringify(reply))
      .catch((err: unknown) => logger.debug({ err }, 'a question about clients was not answered'));
  }

  function take(text: string): void {
    const given = parseAs(answer, text);
    const asker = given && waiting.get(given.id);
    if (!given || !asker) return;
    asker.answers.push(given);
    asker.wake();
  }

  /** The client as it was. */
  function dismiss(session: string): Pick<Answer, 'clients' | 'truncated'> {
    for (const entry of hub.owners()) {
      const [client] = entry;
      if (client.session !== session) continue;
      const { clients } = listClients({ ...own, hub: { owners: () => [entry] } }, 1);
      endOf(client)({ ...RESTART, reason: 'disconnected by an operator' });
      return { clients, truncated: 0 };
    }
    return { clients: [], truncated: 0 };
  }

  async function ask(asked: Asked, isEnough: (answers: readonly Answer[]) => boolean) {
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    let heardBy = Number.POSITIVE_INFINITY;
    const mine: Waiting = {
      answers: [],
      wake: () => {
        if (mine.answers.length >= heardBy || isEnough(mine.answers)) resolve();
      },
    };
    waiting.set(id, mine);
    const timer = setTimeout(resolve, options.waitMs);
    try {
      // At least by this instance, which may have lost its subscription: its clients must not be missing unsaid.
      heardBy = Math.max(1, await publish({ ...asked, id, from: instance }));
      mine.wake();
      await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
    return { answers: mine.answers, missing: Math.max(0, heardBy - mine.answers.length) };
  }

  /** Returns how many heard it. */
  async function publish(asked: Question): Promise<number> {
    try {
      return await within(options.waitMs, publishToAll(redis, keys.clientQuestions, JSON.stringify(asked)));
    } catch (cause) {
      const detail = 'who is connected cannot be told because Redis does not answer: try again';
      throw Object.assign(new ProblemError('unavailable', detail), { cause });
    }
  }

  async function list(): Promise<ClientsAnswer> {
    const { answers, missing } = await ask({ kind: 'list' }, () => false);
    const truncated = answers.reduce((sum, each) => sum + each.truncated, 0);
    return {
      clients: answers.flatMap(({ clients }) => clients),
      incomplete:
        [toMissing(missing), truncated > 0 ? `${truncated} more clients are connected` : null]
          .filter(part => part !== null)
          .join('; ') || null,
    };
  }

  function toMissing(count: number): string | null {
    if (count === 0) return null;
    return `${count} relay ${count === 1 ? 'instance' : 'instances'} did not answer within ${options.waitMs} ms`;
  }

  return {
    list() {
      listing ??= list().finally(() => {
        listing = null;
      });
      return listing;
    },
    async disconnect(session) {
      const hasIt = (answers: readonly Answer[]) => answers.some(({ clients }) => clients.length > 0);
      const { answers, missing } = await ask({ kind: 'disconnect', session }, hasIt);
      const client = answers.flatMap(({ clients }) => clients)[0] ?? null;
      return { client, incomplete: client ? null : toMissing(missing) };
    },
    stop() {
      clearInterval(pulse);
      return subscriber.stop();
    },
  };
}

function parseAs<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
