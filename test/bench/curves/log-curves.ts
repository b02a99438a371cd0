import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { Redis } from 'ioredis';
import type { Curve, CurvePoint } from '../frame/report.ts';
import type { RowWork } from '../frame/run-row.ts';
import { startPublisher } from '../load/publisher.ts';
import { replay } from '../load/replay.ts';
import { startRelay } from '../peers/relay.ts';

const EVENT_BYTES = 300;
const APPENDED = 10_000;
const REPLAYED = 10_000;

/** One log that grows: what an append, a client that comes with a position near the head, and its memory cost on the way. */
export async function logCurves(work: RowWork, lengths: number[]): Promise<Curve[]> {
  const running = await startRelay(work.stand, { fsync: 'everysec' });
  const redis = new Redis(running.redisUrl);
  const keys = createLogKeys(running.pbxId);
  const publisher = await startPublisher({ target: running.feed, eventBytes: EVENT_BYTES });
  const [append, join, memory]: CurvePoint[][] = [[], [], []];
  try {
    for (const length of lengths) {
      const { head } = await readLogInfo(redis, keys, 'calls');
      await publisher.publish({ events: Math.max(1, length - APPENDED - head), perSecond: 0 });
      const { startedUs, endedUs } = await publisher.publish({ events: APPENDED, perSecond: 0 });
      const info = await readLogInfo(redis, keys, 'calls');
      const after = formatPosition({ epoch: info.epochs.at(-1)?.epoch ?? '', seq: info.head - REPLAYED });
      // What comes to a relay that is still reading waits for that, and would be a measure of it.
      await running.hasTaken?.(info.head);
      const replayWire = { ...running.wire, path: `/relay/ws?after=${after}` };
      const joined = await replay({ ...running, replayWire }, { clients: 1, entries: REPLAYED });
      const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]) / 1024 ** 2;
      const appendPerSecond = APPENDED / ((endedUs - startedUs) / 1e6);
      work.record('log', { length, appendPerSecond, replayPerSecond: joined.perSecond, redisMb: used });
      append?.push({ x: length, y: appendPerSecond });
      join?.push({ x: length, y: joined.perSecond });
      memory?.push({ x: length, y: used });
    }
  } finally {
    await publisher.stop();
    await redis.quit();
    await running.stop();
  }
  return [
    {
      ...{ title: 'Rates over the length of the log', xLabel: 'entries in Redis', yLabel: 'events/s' },
      lines: [
        { name: 'append', points: append ?? [] },
        { name: `last ${REPLAYED} replayed`, points: join ?? [] },
      ],
    },
    {
      ...{ title: 'Memory of Redis over the length of the log', xLabel: 'entries in Redis', yLabel: 'MB' },
      lines: [{ name: 'Redis', points: memory ?? [] }],
    },
  ];
}
