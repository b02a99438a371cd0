import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { JobReport } from '@3cx-relay/shared/jobs/job-worker.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/**
 * Says when a job of the worker goes on failing, once, and when it succeeds again. A copy that failed is tried a second
 * later, so that a restart of PostgreSQL which nobody would notice is not news.
 */
export function createJobReport(
  to: { logger: Logger; errors?: ErrorSink | undefined },
  now: () => number = () => performance.now(),
): JobReport {
  const failing = new Map<string, { readonly sinceMs: number; isTold: boolean }>();
  return {
    onFailed(job, error) {
      const failure = failing.get(job.key) ?? { sinceMs: now(), isTold: false };
      failing.set(job.key, failure);
      const waitMs = job.name === 'drain-channel' ? PERSIST_PATIENCE_MS : 0;
      if (failure.isTold || now() - failure.sinceMs < waitMs) return;
      failure.isTold = true;
      const { component, severity, fails } = wordsFor(job);
      announce(to, { component, severity, message: fails, details: { job: job.key, error } });
    },
    onCompleted(job) {
      const failure = failing.get(job.key);
      failing.delete(job.key);
      if (!failure?.isTold) return;
      const { component, succeeds } = wordsFor(job);
      announce(to, { component, severity: 'info', message: succeeds, details: { job: job.key } });
    },
  };
}

const PERSIST_PATIENCE_MS = 5_000;

interface Words {
  readonly component: string;
  readonly severity: 'critical' | 'error';
  readonly fails: string;
  readonly succeeds: string;
}

function wordsFor({ name, data }: { readonly name: string; readonly data: unknown }): Words {
  if (name === 'drain-channel') {
    const channel = typeof data === 'object' && data !== null && 'channel' in data ? String(data.channel) : '';
    return {
      component: 'persist',
      severity: 'critical',
      // In quotes, so that the five channels are one error: what stops one copy mostly stops all.
      fails: `the channel "${channel}" cannot be copied to PostgreSQL; Redis keeps what is not copied: check that PostgreSQL answers at DATABASE_URL and that its disk has room`,
      succeeds: `the channel "${channel}" is copied to PostgreSQL again`,
    };
  }
  return {
    component: 'upkeep',
    severity: 'error',
    fails: `the job ${name} failed and will run again at its next time: see what Redis and PostgreSQL answer`,
    succeeds: `the job ${name} succeeds again`,
  };
}
