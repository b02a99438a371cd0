import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import type { Call } from '../call-model/call.ts';
import { CallModel } from '../call-model/call-model.ts';
import { leg } from '../call-model/test-legs.ts';
import { Records } from './records.ts';
import { createShelf, T0 } from './test-records.ts';

/** The records of a PBX with what the process around them is given, and calls as the model saw them. */
const OPTIONS = { delaysMs: [3_000, 10_000], maxWaiting: 3, giveUpAfterMs: 100_000, toleranceMs: 3_000 };

export function createDesk(earlier: { recovery?: Record<string, string>; recentCalls?: Call[] } = {}) {
  const shelf = createShelf();
  const entries: NewEntry[] = [];
  const told: string[] = [];
  const dropped: number[] = [];
  const open: Call[] = [];
  const records = new Records(OPTIONS, {
    source: shelf,
    write: entry => entries.push(entry),
    openCalls: () => open,
    earlier: { recovery: earlier.recovery ?? {}, recentCalls: earlier.recentCalls ?? [] },
    notes: { dropOutage: from => dropped.push(from), dropRecords: () => undefined },
    errors: { logError: (_, severity) => told.push(severity) },
    logger: createLogger({ name: 'test', level: 'silent' }),
    registry: createMetrics('test'),
  });
  const bodies = () => entries.map(entry => JSON.parse(entry.body) as { event: string; events?: string[]; call: Call });
  return { shelf, records, entries, bodies, told, dropped, open };
}

/** A call to 101 that was watched from its start and rang only. */
export function watchedCall(at = 0, fields: object = {}): Call {
  const model = new CallModel({ graceMs: 0 });
  const seen = (ms: number) => ({ at: T0 + at + ms, isWatched: true });
  model.upsert(leg({ dn: '101', id: 1, ...fields }), seen(50));
  model.remove({ dn: '101', id: 1 }, seen(30_000));
  return JSON.parse(model.tick(T0 + at + 40_000)[0]?.callJson ?? 'null') as Call;
}

/** A call to 101 that a snapshot showed when it was connected already, and whose end was watched. */
export function callOfSnapshot(): Call {
  const model = new CallModel({ graceMs: 0 });
  model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), { at: T0 + 20_000, isWatched: false });
  model.remove({ dn: '101', id: 1 }, { at: T0 + 30_000, isWatched: true });
  return JSON.parse(model.tick(T0 + 40_000)[0]?.callJson ?? 'null') as Call;
}

/** The call of `watchedCall`, of which phones did several things: each line is when, which phone, and what it shows or that it leaves. */
export function watchedScript(...lines: [ms: number, dn: string, status: string, fields?: object][]): Call {
  const model = new CallModel({ graceMs: 0 });
  const seen = (ms: number) => ({ at: T0 + ms, isWatched: true });
  for (const [ms, dn, status, fields] of lines) {
    const id = Number(dn);
    if (status === 'gone') model.remove({ dn, id }, seen(ms));
    else model.upsert(leg({ ...fields, dn, id, status }), seen(ms));
  }
  const [last] = lines.slice(-1);
  return JSON.parse(model.tick(T0 + (last?.[0] ?? 0) + 10_000)[0]?.callJson ?? 'null') as Call;
}
