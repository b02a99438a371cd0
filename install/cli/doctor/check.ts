import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Installation, ServiceName } from '../installation.ts';
import type { Settings } from '../settings.ts';
import type { openRedis } from '../stores.ts';
import type { Ran } from '../system.ts';
import type { IngestWord } from './ingest-word.ts';

/** What one look came to. `unknown`: it cannot be said here, and nobody has to do anything about it. */
export type Level = 'ok' | 'warning' | 'failure' | 'unknown';

export interface Finding {
  readonly level: Level;
  /** One line. */
  readonly text: string;
  /** What to do; with every warning and failure. */
  readonly fix?: string;
}

/** One question to the machine. A rejection is a failure whose text is the error's. */
export interface Check {
  readonly name: string;
  /** The service beside which this is looked at: on a machine without it there is nothing to say. */
  readonly of?: ServiceName;
  readonly run: (context: CheckContext) => Promise<Finding>;
}

/** What checks ask. Connections are opened by the first that needs them and shared. */
export interface CheckContext {
  readonly settings: Settings;
  readonly installation: Installation | null;
  readonly now: () => number;
  /** @throws when `REDIS_URL` is not known */
  redis(): ReturnType<typeof openRedis>;
  /** @throws when `DATABASE_URL` is not known */
  pool(): PostgresPool['pool'];
  /** What ingest says of itself; null: it says nothing. @throws while Redis is away */
  ingest(): Promise<IngestWord | null>;
  /** A program of the system, within a few seconds. */
  run(program: string, ...args: string[]): Promise<Ran>;
}

export const ok = (text: string): Finding => ({ level: 'ok', text });
export const unknown = (text: string): Finding => ({ level: 'unknown', text });
export const warning = (text: string, fix: string): Finding => ({ level: 'warning', text, fix });
export const failure = (text: string, fix: string): Finding => ({ level: 'failure', text, fix });

export const NOT_INSTALLED = unknown('nothing is installed on this machine by install.sh');
