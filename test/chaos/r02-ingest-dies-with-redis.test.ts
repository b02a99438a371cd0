import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectClient, type RelayClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { extent, limitOf } from './extent.ts';
import { playBurst } from './load.ts';
import { report } from './row.ts';
import { logToBeStill } from './verdict.ts';

/**
 * R2. A machine is gone with the Redis that took the writes and the ingest that wrote them; neither the replicas nor
 * PostgreSQL had their newest entries, and the next ingest knows nothing of them.
 * Must hold: no position is given out twice. Who has seen what is lost is told so and gets all that is written since, also
 * one who comes back when the numbers that he has seen were given out again long ago; PostgreSQL has it, too.
 */
const SECONDS = extent({ quick: 2, full: 30 });
const PER_SECOND = extent({ quick: 200, full: 500 });
const SEEN_AND_LOST = 20;

let system: System;
const clients: RelayClient[] = [];

beforeEach(async () => {
  system = await startSystem({}, { engine: 'sentinel' });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.cut();
  await system?.stop();
});

const infoNow = () => readLogInfo(system.redis, system.keys, 'calls');
const headNow = async () => (await infoNow()).head;

/** Positions of all that the log has from this number on, in its order. */
async function positionsFrom(from: number): Promise<string[]> {
  const { epochs, head } = await infoNow();
  const range = { channel: 'calls' as const, from, to: head, count: head - from + 1 };
  const page = await readPage({ redis: system.redis, keys: system.keys, epochs }, range);
  return page.map(formatPosition);
}

const idsOf = (client: RelayClient) => client.entries().map(({ id }) => String(id));
/** Gaps that are no entries. */
const ownGaps = ({ messages }: RelayClient) => messages.filter(({ type, id }) => type === 'gap' && id === undefined);

async function listen(after: string): Promise<RelayClient> {
  const client = await connectClient(system.relayUrl, system.apiKey, { after });
  clients.push(client);
  return client;
}

test(
  'who has seen entries that are lost is told, and gets what is written under their numbers',
  async () => {
    const live = await listen('start');
    await playBurst(system, { seconds: 1, perSecond: PER_SECOND });
    const kept = await headNow();
    await waitFor(() => live.entries().length >= kept, { what: 'the client to have what was played' });
    await system.service('worker').kill();
    await system.redisEngine.stand?.cutReplication();
    const dying = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    await waitFor(() => (parsePosition(live.position() ?? '')?.seq ?? 0) >= kept + SEEN_AND_LOST, {
      what: 'the client to see what the replicas do not have',
    });
    await Promise.all([system.killRedis(), system.service('ingest').kill()]);
    const seen = parsePosition(live.position() ?? '');
    const healingSince = performance.now();
    await Promise.all([system.restart('ingest'), system.restart('worker')]);
    await waitFor(() => ownGaps(live).length > 0, { what: 'the client to be told', timeoutMs: 30_000 });
    const healMs = Math.round(performance.now() - healingSince);
    await dying;
    await playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    await logToBeStill(system, 60_000);

    const { epochs, head } = await infoNow();
    const began = epochs.at(-1);
    expect(began?.first).toBeLessThanOrEqual(seen?.seq ?? 0);
    const written = await positionsFrom(began?.first ?? 0);
    const late = await listen(seen ? formatPosition(seen) : '');
    for (const client of [live, late]) {
      await waitFor(() => client.position() === written.at(-1), {
        what: 'a client to get to the head',
        timeoutMs: 30_000,
      });
      const ids = idsOf(client);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter(id => id.startsWith(began?.epoch ?? 'none'))).toEqual(written);
    }
    const gap = { after: seen && formatPosition(seen), before: written[0] };
    for (const client of [live, late]) expect(ownGaps(client)).toMatchObject([gap]);
    const rows = async () => {
      const asked = "SELECT count(*)::int AS n FROM events WHERE channel = 'calls' AND epoch = $1";
      return (await system.postgres.query<{ n: number }>(asked, [began?.epoch])).rows[0]?.n;
    };
    await waitFor(async () => (await rows()) === written.length, { what: 'PostgreSQL to have it', timeoutMs: 30_000 });
    await report({
      fault: 'R2 ingest dies with its Redis',
      load: `${PER_SECOND}/s, 2 clients`,
      seconds: SECONDS * 2,
      ...{ sent: null, logged: head, delivered: idsOf(live).length + idsOf(late).length },
      ...{ duplicated: 0, missing: 0, gaps: 2, healMs },
      note: `${(seen?.seq ?? 0) - kept} numbers that were seen begin again`,
    });
  },
  limitOf(SECONDS * 2),
);
