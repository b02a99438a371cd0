import { readLease, type StoredLease } from '@3cx-relay/shared/log/ingest-lease.ts';
import { formatSpan } from '../print.ts';
import { type Check, type Finding, failure, ok, unknown, warning } from './check.ts';
import { readStandby, type StandbyWord } from './ingest-word.ts';

/** Two machines' clocks and a renewal that was late. */
const LATE_MS = 30_000;

/** Of several ingests for one PBX, which one writes, and who waits to take over. */
export const ingestChecks: readonly Check[] = [
  {
    name: 'ingest-holder',
    run: async ({ redis, now }) => {
      const server = redis();
      const [lease, standby] = await Promise.all([readLease(server), readStandby(server.redis, server.keys)]);
      return judgeHolder(lease, standby, now());
    },
  },
];

export function judgeHolder(lease: StoredLease | null, standby: StandbyWord | null, now: number): Finding {
  const waiting = standby ? `${standby.host} (pid ${standby.pid}) stands by` : null;
  const withStandby = (text: string) => (waiting ? `${text}; ${waiting}` : text);
  if (lease === null) {
    const none = 'no ingest has written yet, or only one of an earlier version';
    return waiting ? warning(`${none}; ${waiting}`, 'it writes within seconds, when no other does') : unknown(none);
  }
  const { host, pid, since, renewedAt, leaseMs, isReleased } = lease;
  const silentMs = now - Date.parse(renewedAt);
  const fix = 'see "ready-ingest", on that machine too; one that stands by takes over by itself';
  if (isReleased) return failure(withStandby(`no ingest writes: that on ${host} was stopped`), fix);
  if (silentMs > leaseMs + LATE_MS) {
    return failure(withStandby(`the ingest on ${host} (pid ${pid}) is silent for ${formatSpan(silentMs)}`), fix);
  }
  return ok(withStandby(`the ingest on ${host} (pid ${pid}) writes since ${since}`));
}
