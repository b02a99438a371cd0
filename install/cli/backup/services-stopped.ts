import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../settings.ts';
import type { openRedis } from '../stores.ts';
import { reasonOf, runProgram } from '../system.ts';

const STOP_TIMEOUT_MS = 90_000;
/** What a service says of itself expires after ten seconds. */
const SILENT_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 500;

/** Work that nobody may write beside. In a checkout somebody has to stop the stack himself. @throws Error */
export async function withServicesStopped(
  { installation }: Settings,
  redis: Pick<ReturnType<typeof openRedis>, 'redis' | 'keys'>,
  work: () => Promise<void>,
): Promise<void> {
  const units = (installation?.services ?? []).map(({ unit }) => unit).toReversed();
  const systemctl = async (verb: 'stop' | 'start') => {
    if (units.length === 0) return;
    const ran = await runProgram('systemctl', [verb, ...units], { timeoutMs: STOP_TIMEOUT_MS });
    if (ran.code !== 0) throw new Error(`The services did not ${verb}: ${reasonOf(ran)}`);
  };
  await systemctl('stop');
  try {
    await requireSilence(redis);
    await work();
  } finally {
    await systemctl('start');
  }
}

async function requireSilence({ redis, keys }: Pick<ReturnType<typeof openRedis>, 'redis' | 'keys'>): Promise<void> {
  const deadline = Date.now() + SILENT_WITHIN_MS;
  for (;;) {
    const talking = await redis.exists(keys.ingestStatus, keys.ingestStandby, keys.workerStatus);
    if (talking === 0) return;
    if (Date.now() >= deadline) {
      throw new Error('Ingest or worker runs, here or on another machine: stop them first, nothing was changed.');
    }
    await sleep(LOOK_EVERY_MS);
  }
}
