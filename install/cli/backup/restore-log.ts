import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { formatEpochs, parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { persistedUntil } from '@3cx-relay/shared/log/persisted.ts';
import type { PersistedLog } from '@3cx-relay/shared/log/recall.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import type { openRedis } from '../stores.ts';
import type { ExportedEntry, ExportedState } from './export-log.ts';
import type { BackupManifest } from './manifest.ts';

type Log = Pick<ReturnType<typeof openRedis>, 'redis' | 'keys'>;

const BATCH = 500;
const SCANNED = 1_000;

/**
 * The log as it was: the entries that PostgreSQL does not have, and the state of calls. Behind them each channel begins a
 * new epoch, with a gap that says so: positions that clients were given after the backup must never come to mean other
 * events. Nobody may write to the log meanwhile.
 */
export async function restoreLog(
  log: Log,
  backup: { manifest: BackupManifest; files: { log: string; state: string } },
  persisted: ReadonlyMap<Channel, PersistedLog>,
): Promise<number> {
  const plans = new Map(
    CHANNELS.map(channel => [channel, planOf(backup.manifest.log[channel], persisted.get(channel))]),
  );
  await forget(log);
  const restored = await putEntries(log, backup.files.log, plans);
  const { calls, participants, recovery }: ExportedState = JSON.parse(await readFile(backup.files.state, 'utf8'));
  const { redis, keys } = log;
  const writing = redis.multi();
  for (const [key, hash] of [
    [keys.calls, calls],
    [keys.participants, participants],
    [keys.recovery, recovery],
  ] as const)
    if (Object.keys(hash).length > 0) writing.hset(key, hash);
  for (const [channel, plan] of plans) if (plan) beginEpoch(writing, { channel, plan, keys, now: Date.now() });
  for (const [error] of (await writing.exec()) ?? []) if (error) throw error;
  return restored;
}

export interface Plan {
  readonly epochs: string;
  readonly head: number;
  /** What PostgreSQL has already. */
  readonly after: number;
}

/** The dump is younger than the export: what it has moved on to counts. */
export function planOf(exported: BackupManifest['log'][Channel], persisted: PersistedLog | undefined): Plan | null {
  const newest = persisted?.epochs.at(-1);
  const known = parseEpochs(exported?.epochs ?? null);
  if (persisted && newest && !known.some(({ epoch }) => epoch === newest.epoch))
    return { epochs: formatEpochs(persisted.epochs), head: persisted.seq, after: persisted.seq };
  if (!exported) return null;
  const head = Math.max(exported.head, newest?.epoch === known.at(-1)?.epoch ? (persisted?.seq ?? 0) : 0);
  const position = persisted && newest ? { epoch: newest.epoch, seq: persisted.seq } : undefined;
  return { epochs: exported.epochs, head, after: persistedUntil({ epochs: known, head }, position) };
}

/** Writers' memory as well: a spool file that was kept is to be appended, not taken for a repetition. */
async function forget({ redis, keys }: Log): Promise<void> {
  const own = CHANNELS.flatMap(channel => [keys.log(channel), keys.meta(channel)]);
  await redis.del(...own, keys.calls, keys.participants, keys.recovery, keys.logPressure);
  const pattern = keys.writer('calls', '').replace(/calls:$/, '*');
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED);
    if (found.length > 0) await redis.del(...found);
    cursor = next;
  } while (cursor !== '0');
}

async function putEntries(
  { redis, keys }: Log,
  file: string,
  plans: ReadonlyMap<Channel, Plan | null>,
): Promise<number> {
  let restored = 0;
  let batch = redis.pipeline();
  const flush = async () => {
    for (const [error] of (await batch.exec()) ?? []) if (error) throw error;
    batch = redis.pipeline();
  };
  for await (const line of createInterface({ input: createReadStream(file).pipe(createGunzip()) })) {
    const { channel, seq, fields }: ExportedEntry = JSON.parse(line);
    const plan = plans.get(channel);
    if (!plan || seq <= plan.after) continue;
    batch.xadd(keys.log(channel), `${seq}-0`, ...fields);
    restored += 1;
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return restored;
}

function beginEpoch(
  writing: ReturnType<Log['redis']['multi']>,
  { channel, plan, keys, now }: { channel: Channel; plan: Plan; keys: Log['keys']; now: number },
): void {
  const first = plan.head + 1;
  const epoch = epochBehind(parseEpochs(plan.epochs).at(-1)?.epoch ?? '', now);
  const gap = JSON.stringify({ at: new Date(now).toISOString(), lost: null, reason: 'log_reset' });
  writing.xadd(keys.log(channel), `${first}-0`, 't', 'gap', 'at', String(now), 'b', gap);
  writing.hset(keys.meta(channel), { seq: String(first), epochs: `${plan.epochs},${epoch}:${first}` });
}

/** Epochs sort by time, also when the clock was set back since. */
function epochBehind(last: string, now: number): string {
  for (let stepMs = 0; ; stepMs = stepMs * 2 || 1) {
    const epoch = epochAt(now + stepMs);
    if (epoch > last) return epoch;
  }
}
