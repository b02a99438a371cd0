import { setTimeout as sleep } from 'node:timers/promises';
import { lagSeconds, readPersistLag } from '@3cx-relay/shared/log/persist-lag.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { readIngestWord } from '../doctor/ingest-word.ts';
import { relayUrlOf } from '../find-relay.ts';
import { isElsewhere, REDIS_UNIT } from '../installation.ts';
import { openReleases } from '../release/releases.ts';
import type { Settings } from '../settings.ts';
import { openRedis } from '../stores.ts';
import { runProgram } from '../system.ts';

/** What can be said right now; null: not known, and `missing` says why. */
export interface Status {
  readonly version: string | null;
  /** Of the installation. */
  readonly release: string | null;
  readonly units: Readonly<Record<string, string>> | null;
  readonly health: string | null;
  readonly components: Readonly<Record<string, string>>;
  readonly pbx: { readonly state: string | null; readonly since: string | null; readonly error: string | null } | null;
  /** `missing`: the first of those that the PBX does not show. */
  readonly extensions: {
    readonly monitored: number | null;
    readonly total: number | null;
    readonly missing: readonly string[];
  } | null;
  readonly calls: number | null;
  /** Per channel, over the last second. */
  readonly eventsPerSecond: Readonly<Partial<Record<Channel, number>>> | null;
  readonly lag: Readonly<Partial<Record<Channel, { readonly entries: number; readonly seconds: number }>>> | null;
  readonly clients: number | null;
  readonly spoolBytes: number | null;
  readonly missing: readonly string[];
}

const WITHIN_MS = 5_000;
const RATE_MS = 1_000;

export async function readStatus(settings: Settings): Promise<Status> {
  const missing: string[] = [];
  const part = async <Value>(name: string, work: Promise<Value>): Promise<Value | null> => {
    try {
      return await within(WITHIN_MS, work);
    } catch (error) {
      missing.push(`${name}: ${messageOf(error)}`);
      return null;
    }
  };
  const { installation } = settings;
  const [units, health, log] = await Promise.all([
    installation ? part('units', readUnits(settings)) : null,
    isElsewhere('relay', installation) ? null : part('relay', readHealth(settings)),
    part('log', readLog(settings)),
  ]);
  return {
    version: health?.version ?? null,
    release: installation ? openReleases(installation.prefix).linked('current') : null,
    units,
    health: health?.status ?? null,
    components: health?.components ?? {},
    pbx: log?.pbx ?? null,
    extensions: log?.extensions ?? null,
    calls: log?.calls ?? null,
    eventsPerSecond: log?.eventsPerSecond ?? null,
    lag: log?.lag ?? null,
    clients: health?.clients ?? null,
    spoolBytes: log?.spoolBytes ?? null,
    missing,
  };
}

async function readUnits({ installation }: Settings): Promise<Record<string, string>> {
  const units = [...(installation?.services ?? []).map(({ unit }) => unit)];
  if (installation?.values.REDIS !== 'external') units.push(REDIS_UNIT);
  const { output, isMissing } = await runProgram('systemctl', ['is-active', ...units]);
  if (isMissing) throw new Error('this machine has no systemctl');
  const states = output.trim().split('\n');
  return Object.fromEntries(units.map((unit, n) => [unit, states[n] ?? 'unknown']));
}

async function readHealth(settings: Settings) {
  const url = relayUrlOf(settings);
  if (url === undefined) throw new Error('nothing runs in this checkout');
  const answer = await fetch(`${url}/relay/health`, { signal: AbortSignal.timeout(WITHIN_MS) }).catch(cause => {
    throw new Error(`nothing answers at ${url}`, { cause });
  });
  const { version, status, clients, components } = (await answer.json()) as {
    version: string;
    status: string;
    clients: number;
    components: Record<string, { state: string }>;
  };
  const states = Object.fromEntries(Object.entries(components).map(([name, { state }]) => [name, state]));
  return { version, status, clients, components: states };
}

async function readLog(settings: Settings) {
  const { redis, keys, stop } = openRedis(settings);
  const heads = async () => {
    const seqs = await Promise.all(CHANNELS.map(channel => redis.hget(keys.meta(channel), 'seq')));
    return new Map(CHANNELS.map((channel, n) => [channel, Number(seqs[n] ?? 0)]));
  };
  try {
    const before = await heads();
    const startedAt = performance.now();
    const [calls, lags, ingest] = await Promise.all([
      redis.hlen(keys.calls),
      readPersistLag(redis, keys),
      readIngestWord(redis, keys),
      sleep(RATE_MS),
    ]);
    const after = await heads();
    const seconds = (performance.now() - startedAt) / 1_000;
    const rate = (channel: Channel) => ((after.get(channel) ?? 0) - (before.get(channel) ?? 0)) / seconds;
    return {
      calls,
      lag: Object.fromEntries(
        [...lags].map(([channel, lag]) => [
          channel,
          { entries: lag.entries, seconds: Math.round(lagSeconds(lag, Date.now()) * 10) / 10 },
        ]),
      ),
      eventsPerSecond: Object.fromEntries(CHANNELS.map(name => [name, Math.round(rate(name) * 10) / 10])),
      pbx: ingest && { state: ingest.state, since: ingest.socketSince, error: ingest.error },
      extensions: ingest && { ...ingest.extensions, missing: ingest.missingExtensions },
      spoolBytes: ingest?.spoolBytes ?? null,
    };
  } finally {
    await stop();
  }
}
