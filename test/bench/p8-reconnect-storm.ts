import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { cheapHash } from '../harness/cheap-hash.ts';
import { adminSecret } from '../harness/relay.ts';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { cpuSeconds } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { oursMedian } from './frame/targets.ts';
import { startListeners } from './load/listeners.ts';
import { startPublisher } from './load/publisher.ts';
import { type RunningRelay, relay, startRelay } from './peers/relay.ts';

/**
 * P8: reconnect storm. 500 clients, each with a key of its own, come back at once to a relay that was killed and has just
 * started again, and each has to be given what it missed.
 *
 * Method. All clients are connected; the relay is killed with SIGKILL; a thousand events are written meanwhile; when it is
 * ready again, another process connects all clients at once, each with its key and its position, and time runs from the
 * first connect to the last missed event of the last client. That no bcrypt is on the way is made sure of: after the keys
 * were made, their hashes are replaced by one of cost 12 that fits none of them, so whoever asked it would be refused.
 */
const EVENT_BYTES = 300;
const FITS_NONE = '$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZBpQ9Q9Q9Q9Q9Q9Q9Q9Q9Q9Q9Q9Q9.';

interface StormRun {
  readonly expected: number;
  readonly received: number;
  readonly disorder: number;
  /** Until the last client had all. */
  readonly seconds: number;
  readonly relayCpuSeconds: number;
}

await runRow({
  row: 'P8',
  title: 'reconnect storm after a relay was killed',
  maxSeconds: 600,
  async measure(work) {
    const { quick } = work.options;
    const sizes = { clients: quick ? 200 : 500, missed: 1_000 };
    const runs = await compare(work, [relay], () => storm(work, sizes));
    return {
      settings: { ...sizes, eventBytes: EVENT_BYTES },
      measures: [
        judged(
          {
            work: `${sizes.clients} keys, ${sizes.missed} events missed by each`,
            unit: 's',
            better: 'lower',
            subjects: toSubjects(
              runs,
              run => run.seconds,
              run =>
                `${run.received} of ${run.expected} arrived, ${run.relayCpuSeconds.toFixed(1)} s of processor, start included`,
            ),
            target: '≤ 3 s, no bcrypt',
          },
          subjects =>
            oursMedian(subjects) <= 3 && runs.every(({ runs: all }) => all.every(run => run.received === run.expected)),
        ),
      ],
    };
  },
});

async function storm(work: RowWork, { clients, missed }: { clients: number; missed: number }): Promise<StormRun> {
  const running = await startRelay(work.stand);
  const opened: { stop(): Promise<void> }[] = [running];
  try {
    const headers = (await createKeys(running, clients)).map(key => ({ authorization: `Bearer ${key}` }));
    const publisher = await startPublisher({ target: running.feed, eventBytes: EVENT_BYTES });
    opened.unshift(publisher);
    const before = await startListeners({ target: running.wire, clients, headers });
    await publisher.publish({ events: 100, perSecond: 0 });
    await before.until(100 * clients);
    const path = `/relay/ws?after=${await headPosition(running)}`;
    await before.stop();
    const [, after] = await Promise.all([publisher.publish({ events: missed, perSecond: 0 }), comeBack()]);
    opened.unshift(after);
    const tally = await after.until(missed * clients, { quietMs: 10_000 });
    return {
      expected: missed * clients,
      received: tally.received,
      disorder: tally.disorder,
      seconds: (tally.lastUs - tally.connectingUs) / 1e6,
      relayCpuSeconds: await cpuSeconds([running.pidNow()]),
    };

    async function comeBack() {
      await running.restart();
      return startListeners({ target: { ...running.wire, path }, clients, headers, isReplay: true });
    }
  } finally {
    for (const part of opened) await part.stop();
  }
}

async function createKeys({ databaseUrl }: RunningRelay, count: number): Promise<string[]> {
  const logger = pino({ level: 'silent' });
  const { pool, stop } = createPool({ databaseUrl, max: 2, name: 'bench-keys', logger });
  const manager = new APIKeyManager({ pool, adminSecret, passwordHash: cheapHash, logger });
  const keys: string[] = [];
  for (let n = 0; n < count; n += 1) keys.push((await manager.generateKey(`client ${n}`, ['read'], 'bench')).apiKey);
  await pool.query('UPDATE api_keys SET key_hash = $1', [FITS_NONE]);
  await manager.stop();
  await stop();
  return keys;
}

async function headPosition({ redisUrl, pbxId }: RunningRelay): Promise<string> {
  const redis = new Redis(redisUrl);
  const info = await readLogInfo(redis, createLogKeys(pbxId), 'calls');
  await redis.quit();
  return formatPosition({ epoch: info.epochs.at(-1)?.epoch ?? '', seq: info.head });
}
