import { Redis } from 'ioredis';
import type { TestProject } from 'vitest/node';
import { type Infrastructure, startLocalInfrastructure } from './infra.ts';
import { prepareTemplate } from './infra-template.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    databaseUrl: string;
  }
}

/** Runs once per test run: real servers for every suite, a migrated template database, and nothing left afterwards. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const infrastructure = await start();
  try {
    await Promise.all([prepareTemplate(infrastructure.databaseUrl), promote(infrastructure.redisUrl)]);
  } catch (error) {
    await infrastructure.stop();
    throw error;
  }
  project.provide('redisUrl', infrastructure.redisUrl);
  project.provide('databaseUrl', infrastructure.databaseUrl);
  return infrastructure.stop;
}

async function start(): Promise<Infrastructure> {
  const kind = process.env.TEST_INFRA ?? 'local';
  if (kind === 'local') return startLocalInfrastructure();
  if (kind === 'containers') {
    // Loaded on demand: the container client is large and most runs never need it.
    const { startContainers } = await import('./infra-containers.ts');
    return startContainers();
  }
  throw new Error(`TEST_INFRA is "${kind}": use "local" (the default) or "containers".`);
}

/** It says of itself what one does that took over from another: only there may a new ingest doubt what the log has. */
async function promote(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.replicaof('127.0.0.1', 1);
  await redis.replicaof('NO', 'ONE');
  redis.disconnect();
}
