import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { toSafeText } from '@3cx-relay/shared/runtime/details.ts';
import {
  type ConnectionSample,
  insertSamples,
  type LatestSample,
  selectLatestSamples,
} from '@3cx-relay/shared/store/connection-history.ts';
import { z } from 'zod';
import { storeInHalves } from '../in-halves.ts';
import type { Filling } from './filling.ts';

/**
 * connection_status_history gets every change of state or error message, and between changes one sample a minute.
 *
 * Six components sampled every five seconds are 104,000 rows a day, 41 million in the 400 days of HISTORY_DAYS, of
 * which nearly all say the same as the one before. So are 3.5 million, and each change still stands at its second. All
 * samples are in events for who needs them.
 */
const KEEP_EVERY_MS = 60_000;
const MAX_COMPONENT = 50;
const MAX_STATE = 20;
const MAX_ERROR = 2_000;
const MAX_LATENCY_MS = 2_147_483_647;
const LATEST_MS = Date.UTC(9999, 0);

const body = z.looseObject({
  data: z.looseObject({
    component: z.string().min(1),
    state: z.string().min(1),
    latencyMs: z.number().nullish(),
    error: z.string().nullish(),
  }),
});

export async function fillConnectionHistory(
  { client, onUnstorable }: Filling,
  entries: readonly LogEntry[],
): Promise<void> {
  const entryOf = new Map<ConnectionSample, LogEntry>();
  for (const entry of entries) {
    const sample = decodeSample(entry);
    if (sample) entryOf.set(sample, entry);
  }
  const samples = [...entryOf.keys()];
  if (samples.length === 0) return;
  const components = [...new Set(samples.map(({ component }) => component))];
  const worthKeeping = thin(await selectLatestSamples(client, components), samples);
  const onRefused = async (sample: ConnectionSample, error: unknown) => {
    const entry = entryOf.get(sample);
    if (entry) await onUnstorable(sample, error, entry);
  };
  await storeInHalves({ client, store: some => insertSamples(client, some), onRefused }, worthKeeping);
}

/** `latest`: what was kept before, by component. */
function thin(latest: ReadonlyMap<string, LatestSample>, samples: readonly ConnectionSample[]): ConnectionSample[] {
  const kept = new Map(latest);
  return samples.filter(sample => {
    const before = kept.get(sample.component);
    const isNews = before?.state !== sample.state || before.error !== sample.error;
    // Without the absolute value a clock that was set back would keep nothing until it has caught up.
    const isDue = before && Math.abs(sample.at.getTime() - before.at.getTime()) >= KEEP_EVERY_MS;
    if (!isNews && !isDue) return false;
    kept.set(sample.component, sample);
    return true;
  });
}

/** Null for what is no sample; every version of ingest may have written it. */
function decodeSample(entry: LogEntry): ConnectionSample | null {
  if (entry.type !== 'health' || !(entry.at >= 0 && entry.at < LATEST_MS)) return null;
  let json: unknown;
  try {
    json = JSON.parse(entry.body);
  } catch {
    return null;
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) return null;
  const { component, state, latencyMs, error } = parsed.data.data;
  return {
    component: toSafeText(component, MAX_COMPONENT),
    state: toSafeText(state, MAX_STATE),
    latency: latencyMs == null ? null : Math.min(MAX_LATENCY_MS, Math.max(0, Math.round(latencyMs))),
    error: error == null ? null : toSafeText(error, MAX_ERROR),
    at: new Date(Math.trunc(entry.at)),
  };
}
