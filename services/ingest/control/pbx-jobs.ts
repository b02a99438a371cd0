import type { JobPayload, JobResult } from '@3cx-relay/shared/jobs/catalogue.ts';
import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { DurableLog } from '../log/durable-log.ts';
import type { ConnectionMonitor } from '../monitor/connection-monitor.ts';
import type { ConnectionSchedule } from '../monitor/schedule.ts';
import type { ActiveCall } from '../pbx/xapi/active-calls.ts';
import type { CallCommands } from './call-commands.ts';
import type { RecordPages } from './record-pages.ts';

/** What others ask of ingest, because ingest alone talks to the PBX: the jobs of the queue `pbx`. */
export interface PbxJobs {
  /** Takes no more; what was begun comes to its end, or is left as a crash would leave it. */
  stop(): Promise<void>;
}

export interface PbxJobsDeps {
  readonly redisUrl: string;
  readonly keys: LogKeys;
  readonly monitor: ConnectionMonitor;
  readonly schedule: ConnectionSchedule;
  readonly commands: CallCommands;
  readonly xapi: { getActiveCalls(signal?: AbortSignal): Promise<readonly ActiveCall[]> };
  readonly records: RecordPages;
  readonly log: Pick<DurableLog, 'write'>;
  readonly logger: Logger;
}

/** All of them wait for the PBX and cost nothing meanwhile; the relays bound how many commands there are. */
const CONCURRENCY = 64;
/** Somebody may be waiting to hear what became of the command of an ingest that died. */
const CLAIM_MS = 5_000;

export function createPbxJobs(deps: PbxJobsDeps): PbxJobs {
  const { keys, logger, monitor, schedule, commands, records } = deps;
  const connection = connectForJobs(deps.redisUrl, { name: 'ingest-jobs', logger });
  const worker = createJobWorker({
    connection,
    keys,
    logger,
    queue: 'pbx',
    concurrency: CONCURRENCY,
    claimMs: CLAIM_MS,
    handlers: {
      'check-connections': async () => {
        await schedule.tick();
        return null;
      },
      reconnect: async payload => {
        const result = await monitor.reconnect(payload.component);
        deps.log.write('audit', auditEntry(Date.now(), toReconnectAudit(payload, result)));
        return result;
      },
      'call-command': command => commands.execute(command),
      'active-calls': (_, signal) => readActiveCalls(deps.xapi, signal),
      'call-records': (request, signal) => records.calls(request, signal),
      'agent-states': request => records.agentStates(request),
    },
  });
  return {
    async stop() {
      schedule.stop();
      await worker.stop();
      await connection.stop();
    },
  };
}

function toReconnectAudit(
  { component, requestedBy, address }: JobPayload<'reconnect'>,
  { ok, state, error }: JobResult<'reconnect'>,
): AuditRecord {
  return {
    action: 'connection.reconnect',
    actor: requestedBy,
    address,
    target: component,
    outcome: ok ? 'done' : 'failed',
    details: { state, error },
  };
}

async function readActiveCalls(xapi: PbxJobsDeps['xapi'], signal: AbortSignal): Promise<JobResult<'active-calls'>> {
  try {
    return { ok: true, calls: (await xapi.getActiveCalls(signal)).map(toReadable) };
  } catch (error) {
    const code = error instanceof OperatorError ? error.code : 'PBX_FAILED';
    return { ok: false, code, message: messageOf(error) };
  }
}

function toReadable({ lastChangeAt, establishedAt, serverNow, ...call }: ActiveCall) {
  return {
    ...call,
    lastChangeAt: isoOf(lastChangeAt),
    establishedAt: isoOf(establishedAt),
    serverNow: isoOf(serverNow),
  };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
