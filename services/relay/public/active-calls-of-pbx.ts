import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { toldByPbx } from './pbx-refusal.ts';

/** The calls as XAPI lists them. @throws ProblemError when the PBX does not say */
export type ActiveCallsOfPbx = () => Promise<readonly Readonly<Record<string, unknown>>[]>;

const TIMEOUT_MS = 12_000;

/** Everybody who asks while a question is under way gets its answer: a crowd costs the PBX one request. */
export function createActiveCallsOfPbx(queue: Pick<JobQueue<'pbx'>, 'run'>): ActiveCallsOfPbx {
  let asking: ReturnType<ActiveCallsOfPbx> | undefined;
  return () => {
    asking ??= ask(queue).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function ask(queue: Pick<JobQueue<'pbx'>, 'run'>): ReturnType<ActiveCallsOfPbx> {
  return toldByPbx(await queue.run('active-calls', {}, { timeoutMs: TIMEOUT_MS })).calls;
}
