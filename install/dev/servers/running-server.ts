import type { Exit } from '../system/child.ts';

/** A Redis or PostgreSQL that answers. Servers of somebody else (a URL from outside, a container) have no process id. */
export type RunningServer = {
  url: string;
  /** Of a PostgreSQL whose `url` is a role without the right to create databases: the role that has it. */
  adminUrl?: string;
  /** Of a PostgreSQL of our own: the role of relay and ingest, which owns nothing. */
  serviceUrl?: string;
  version: string;
  pid: number | undefined;
  exited: Promise<Exit>;
  stop(): Promise<void>;
  kill(): void;
};

export const neverExits: Promise<Exit> = new Promise(() => {});
