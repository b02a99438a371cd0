import { randomBytes } from 'node:crypto';
import { redisUrl } from './infra-access.ts';

export type TestRedis = {
  url: string;
  /** Every key of the log carries the PBX id, so a random one separates tests on the shared server. */
  pbxId: string;
};

export async function createTestRedis(): Promise<TestRedis> {
  return { url: await redisUrl(), pbxId: `t${randomBytes(5).toString('hex')}` };
}
