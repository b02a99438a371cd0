import { watch as watchFolder } from 'node:fs';
import { join } from 'node:path';
import { warn } from '../terminal.js';

/** An editor writes a file in several steps, a checkout changes many files: one restart covers them all. */
const quietMs = 250;
const sourceFile = /(?<!\.test)\.(ts|js|lua|sql|json)$/;

export type WatchedService = { name: string; folders: readonly string[]; restart(reason: string): Promise<void> };

/** Restarts a service when a file in one of its folders changes; the others keep running. */
export function watchSources(root: string, services: readonly WatchedService[]): { stop(): void } {
  const pending = new Map<WatchedService, NodeJS.Timeout>();
  const schedule = (service: WatchedService, file: string): void => {
    clearTimeout(pending.get(service));
    const timer = setTimeout(() => {
      pending.delete(service);
      service.restart(`${file} changed`).catch(error => warn(`${service.name} did not restart: ${String(error)}`));
    }, quietMs);
    pending.set(service, timer);
  };
  const folders = new Set(services.flatMap(service => service.folders));
  const watchers = [...folders].map(folder =>
    watchFolder(join(root, folder), { recursive: true }, (_event, name) => {
      if (name === null || name.includes('node_modules') || !sourceFile.test(name)) return;
      for (const service of services) if (service.folders.includes(folder)) schedule(service, join(folder, name));
    }),
  );
  return {
    stop() {
      for (const watcher of watchers) watcher.close();
      for (const timer of pending.values()) clearTimeout(timer);
    },
  };
}
