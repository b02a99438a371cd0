import { COMPONENTS, type ComponentSample, componentSample } from '@3cx-relay/shared/jobs/component-state.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { ConnectionMonitor, StateChange } from './connection-monitor.ts';

/**
 * Channel `health`: one entry for every look at a component, and one more for every change of its state, so that who
 * wants only the changes filters by event.
 */
const SAMPLE = 'health.sample';
const CHANGE = 'health.state_change';

/** A change stands behind the sample that showed it. */
export function logConnections(monitor: ConnectionMonitor, write: (channel: Channel, entry: NewEntry) => void): void {
  monitor.on('sample', sample => write('health', sampleEntry(sample)));
  monitor.on('state_change', change => write('health', changeEntry(change)));
}

function sampleEntry({ checkedAt, ...data }: ComponentSample): NewEntry {
  return toEntry(checkedAt, SAMPLE, data);
}

function changeEntry({ component, from, to, latencyMs, error, at, since }: StateChange): NewEntry {
  return toEntry(at, CHANGE, { component, state: to, previous: from, latencyMs, error, since });
}

function toEntry(at: string, event: string, data: object): NewEntry {
  return { type: 'health', at: Date.parse(at), event, body: JSON.stringify({ at, event, data }) };
}

/** Two rounds of every component with a change of each. */
const LOOK_BACK_ENTRIES = 4 * COMPONENTS.length;

/** The last sample of each component that the log holds; what cannot be read is left out. */
export async function readLastSamples(source: { redis: Redis; keys: LogKeys }): Promise<ComponentSample[]> {
  const info = await readLogInfo(source.redis, source.keys, 'health');
  const entries = await readPage(
    { ...source, epochs: info.epochs },
    { channel: 'health', from: info.oldest, to: info.head, count: LOOK_BACK_ENTRIES, newestFirst: true },
  );
  const last = new Map<string, ComponentSample>();
  for (const entry of entries) {
    const sample = entry.event === SAMPLE ? parseSample(entry.body) : null;
    if (sample && !last.has(sample.component)) last.set(sample.component, sample);
  }
  return [...last.values()];
}

function parseSample(body: string): ComponentSample | null {
  try {
    const { at, data } = JSON.parse(body) as { at: unknown; data: object };
    return componentSample.parse({ ...data, checkedAt: at });
  } catch {
    return null;
  }
}
