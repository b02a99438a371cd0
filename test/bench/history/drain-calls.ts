import { readFileSync } from 'node:fs';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { drainChannel } from '../../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../../services/worker/retention/history-days.ts';
import { createMonths } from '../../../services/worker/retention/months.ts';
import { startLocalInfrastructure } from '../../harness/infra.ts';
import { createLogFiller } from '../../harness/log-filler.ts';

/**
 * Rows a second that the persister copies of `calls` when the entries are whole calls: seven entries each, of which some
 * twenty calls are in progress at a time, bodies of about 1.5 kB. `node test/bench/history/drain-calls.ts [entries]`.
 */
const ENTRIES = Number(process.argv[2] ?? 100_000);
const ENTRIES_OF_CALL = 7;
const AT_ONCE = 20;
const DNS = 100;
const RUNS = 3;

const logger = createLogger({ name: 'bench', level: 'silent' });
const infra = await startLocalInfrastructure();
await migrate({ databaseUrl: infra.databaseUrl });
const filler = createLogFiller({ redisUrl: infra.redisUrl, pbxId: 'bench' });
const store = createPool({ databaseUrl: infra.databaseUrl, name: 'bench', max: 6, logger });
const deps = {
  redis: filler.redis,
  keys: createLogKeys('bench'),
  pool: store.pool,
  months: createMonths({ pool: store.pool, logger }, sameDays(400)),
  metrics: createPersistMetrics(createMetrics('bench')),
  logger,
};
await deps.months.createAhead();

const startMs = Date.now() - 3_600_000;
for (let run = 0; run < RUNS; run += 1) {
  for (let from = 0; from < ENTRIES; from += 500) {
    await filler.append(
      Array.from({ length: Math.min(500, ENTRIES - from) }, (_, i) => toEntry(run * ENTRIES + from + i)),
    );
  }
  const [cpuBefore, serverBefore, startedAt] = [process.cpuUsage(), await serverCpu(), performance.now()];
  const { rows } = await drainChannel(deps, 'calls', AbortSignal.timeout(120_000));
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = (user + system) / 1e6;
  const server = (await serverCpu()) - serverBefore;
  console.log(
    `${rows} rows in ${seconds.toFixed(2)} s: ${Math.round(rows / seconds)} rows/s, CPU: node ${cpu.toFixed(2)} s, PostgreSQL ${server.toFixed(2)} s`,
  );
}
await filler.stop();
await store.stop();
await infra.stop();

/** Seconds of the connections, which others on the machine do not change as they change the rows per second. */
async function serverCpu(): Promise<number> {
  const { rows } = await store.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench' ORDER BY pid",
  );
  const ticks = rows.map(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []);
  return ticks.reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) / 100, 0);
}

/** Calls in groups that go on side by side: entry n is step `step` of one of them. */
function toEntry(n: number): NewEntry {
  const group = Math.floor(n / (AT_ONCE * ENTRIES_OF_CALL));
  const within = n % (AT_ONCE * ENTRIES_OF_CALL);
  const step = Math.floor(within / AT_ONCE);
  const call = group * AT_ONCE + (within % AT_ONCE);
  const firstMs = startMs + call * 40;
  const at = firstMs + step * 1_500;
  const dn = String(100 + (call % DNS));
  const other = String(100 + ((call * 7) % DNS));
  const iso = (ms: number) => new Date(ms).toISOString();
  const callId = `${firstMs.toString(36).padStart(8, '0')}-${call}`;
  const number = `+4930${1_000_000 + ((call * 7_919) % 500_000)}`;
  const isOver = step === ENTRIES_OF_CALL - 1;
  const leg = { dn, participantId: call * 3, legId: 1, status: 'Ringing', party: number, since: iso(at) };
  const former = { dn: other, participantId: call * 3 + 1, party: number, leftAt: iso(at), outcome: 'missed' };
  const participant = {
    id: call * 3,
    status: 'Connected',
    dn,
    party_caller_name: 'Customer',
    party_dn: '10007',
    party_caller_id: number,
    party_did: '',
    device_id: 'sip:101@127.0.0.1:5060',
    party_dn_type: 'Wexternalline',
    direct_control: false,
    originated_by_dn: '',
    originated_by_type: 'None',
    referred_by_dn: '',
    referred_by_type: 'None',
    on_behalf_of_dn: '800',
    on_behalf_of_type: 'Wqueue',
    callid: call,
    legid: 1,
  };
  const body = {
    at: iso(at),
    event: isOver ? 'call.ended' : 'call.updated',
    data: {
      sequence: n,
      event: { event_type: 0, entity: `/callcontrol/${dn}/participants/${call * 3}`, attached_data: null },
    },
    participant,
    call: {
      callId,
      pbxCallId: call,
      conversationId: callId,
      linked: null,
      direction: 'inbound',
      state: isOver ? 'ended' : step < 3 ? 'ringing' : 'connected',
      startedAt: iso(firstMs),
      ringingAt: iso(firstMs + 10),
      answeredAt: step < 3 ? null : iso(firstMs + 4_500),
      endedAt: isOver ? iso(at) : null,
      caller: { number, name: 'Customer', dn: null },
      callee: { number: dn, name: 'Agent', dn },
      did: null,
      via: call % 3 === 0 ? { dn: '800', type: 'queue' } : null,
      answeredBy: step < 3 ? null : dn,
      legs: isOver ? [] : [leg],
      formerLegs: step > 1 ? [former] : [],
      disposition: isOver ? 'answered' : null,
      reason: isOver ? 'left' : null,
      cdr: null,
    },
  };
  return { type: 'call_event', at, body: JSON.stringify(body), dn: `${dn},${other}`, call: callId, event: body.event };
}
