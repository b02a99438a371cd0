import { setTimeout as sleep } from 'node:timers/promises';
import { createEvents, nowUs } from './event.ts';
import { type FeedTarget, openFeed } from './feeds.ts';

/**
 * A sender in a process of its own. Open loop: event n is due at the beginning plus n divided by the rate, and carries
 * that time; whoever is late sends all that is due at once. `perSecond` 0 sends as fast as it is taken.
 */
export interface PublisherOrder {
  readonly target: FeedTarget;
  readonly eventBytes: number;
}

export interface Publish {
  readonly events: number;
  readonly perSecond: number;
}

export interface Published {
  readonly startedUs: number;
  /** When all was acknowledged. */
  readonly endedUs: number;
}

/** At full speed: what is on its way before the next is made. */
const FULL_SPEED_BATCH = 500;
const TICK_MS = 1;

const [text = '{}'] = process.argv.slice(2);
const order = JSON.parse(text) as PublisherOrder;
const feed = await openFeed(order.target);
const eventAt = createEvents(order.eventBytes);

process.on('message', ({ publish }: { publish: Publish }) => {
  (publish.perSecond > 0 ? openLoop(publish) : fullSpeed(publish)).then(
    published => process.send?.({ published }),
    error => process.send?.({ failed: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

async function openLoop({ events, perSecond }: Publish): Promise<Published> {
  const startedUs = nowUs();
  const apartUs = 1_000_000 / perSecond;
  let sent = 0;
  while (sent < events) {
    const due = Math.min(events, Math.floor((nowUs() - startedUs) / apartUs) + 1);
    if (due > sent) {
      const from = sent;
      await feed.send(Array.from({ length: due - from }, (_, i) => eventAt(startedUs + (from + i) * apartUs)));
      sent = due;
    }
    await sleep(TICK_MS);
  }
  await feed.flush();
  return { startedUs, endedUs: nowUs() };
}

async function fullSpeed({ events }: Publish): Promise<Published> {
  const startedUs = nowUs();
  // Times that differ by a microsecond at least, so that order can be checked; latency means nothing here.
  for (let sent = 0; sent < events; sent += FULL_SPEED_BATCH) {
    const count = Math.min(FULL_SPEED_BATCH, events - sent);
    const from = sent;
    await feed.send(Array.from({ length: count }, (_, i) => eventAt(startedUs + from + i)));
    await feed.flush();
  }
  return { startedUs, endedUs: nowUs() };
}
