import { renameSync, rmSync, writeFileSync } from 'node:fs';

export type ProcessName = 'ingest' | 'relay' | 'worker' | 'simulator' | 'redis' | 'postgres';

/** What other programs on this machine may read to find the running stack. It exists only while the stack runs. */
export type StackDescription = {
  relayUrl: string;
  adminUrl: string;
  simulatorUrl: string | null;
  redisUrl: string;
  databaseUrl: string;
  apiKey: string | null;
  admin: { username: string; password: string } | null;
  pids: { launcher: number } & Record<ProcessName, number | null>;
};

export function writeStackFile(path: string, description: StackDescription): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(description, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
