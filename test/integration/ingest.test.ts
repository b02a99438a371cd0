import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';
import type { ServiceProcess } from '../harness/processes.ts';
import { waitFor } from '../harness/wait-for.ts';
import { ASKED_MS } from './fixtures/awkward-pbx.ts';
import { type Body, createIngestStand, type IngestStand, type IngestStandOptions } from './fixtures/ingest-stand.ts';

let stand: IngestStand;
let hasUsualSettings = false;
const also: (() => Promise<void> | void)[] = [];

// Records of a call are asked for long after the test that it belongs to.
const env = { INGEST_RECORDS_DELAYS_MS: '3600000' };

afterAll(endStand);

async function endStand(): Promise<void> {
  await stand?.stop();
  hasUsualSettings = false;
  for (const stop of also.splice(0)) await stop();
}

/** A PBX that nobody has followed yet, and an empty log. */
async function openStand(options: IngestStandOptions = {}): Promise<void> {
  await endStand();
  stand = await createIngestStand({ ...options, env: { ...env, ...options.env } });
  hasUsualSettings = Object.keys(options).length === 0;
}

/** One that follows a PBX without calls: that of the test before, where there is one. */
async function usualIngest(): Promise<ServiceProcess> {
  if (!hasUsualSettings) await openStand();
  return stand.renew();
}

async function settled(): Promise<{ logged: unknown[]; delivered: unknown[] }> {
  return waitFor(
    async () => {
      const delivered = await stand.delivered();
      const logged = (await stand.length()) >= delivered.length ? await stand.logged() : [];
      return logged.length >= delivered.length && { logged, delivered };
    },
    { what: 'as many frames in the log as were sent', everyMs: 100 },
  );
}

const bodyWhere = (what: string, matches: (body: Body) => boolean) => stand.bodyWhere(what, matches);

const isConnected = async () => ((await stand.sim.get('/sim/health')).body as { sockets: number }).sockets > 0;

describe('a log that has not begun', () => {
  test('an ingest that was never let in has missed nothing, and one that was may have', async () => {
    await openStand();
    const begun = () => stand.redis.hget(stand.keys.meta('calls'), 'begun');
    await stand.sim.post('/sim/faults', { kind: 'reject-upgrade', ms: 600_000, status: 401 });
    const starting = stand.start();
    await waitFor(async () => (await stand.entries('errors')).some(({ body }) => body.includes('(401)')), {
      what: 'the refusal to be told',
    });
    expect(await begun()).toBeNull();
    await stand.sim.request('DELETE', '/sim/faults');
    await starting;
    await waitFor(begun, { what: 'the begin to be noted' });
  });

  test('a first ingest that died before its first entry is missed all the same', async () => {
    await openStand();
    const first = await stand.start();
    process.kill(first.pid, 'SIGSTOP');
    await stand.burst(100, 1_000);
    expect(await stand.delivered()).toHaveLength(100);
    await first.kill();
    expect(await stand.entries()).toEqual([]);
    await stand.start();
    const gap = await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    const [sent] = await stand.frames();
    expect(Date.parse(gap.from ?? '')).toBeLessThanOrEqual(sent?.at ?? 0);
  });
});

describe('frames', () => {
  test('a burst of 10,000 frames at 5,000/s is in the log frame by frame, in order, repeats included', async () => {
    await usualIngest();
    await stand.burst(10_000, 5_000);
    const { logged, delivered } = await settled();
    expect(delivered).toHaveLength(10_000);
    expect(logged).toEqual(delivered);
  });

  test('a call is told from ringing to its end, with the frame that caused each step', async () => {
    await usualIngest();
    await stand.sim.post('/sim/calls', {
      scenario: 'inbound',
      dn: '101',
      number: '+4930123456',
      ringMs: ASKED_MS,
      talkMs: ASKED_MS,
    });
    const ended = await bodyWhere('the end of the call', body => body.event === 'call.ended');
    expect(ended).toMatchObject({
      data: null,
      origin: 'grace',
      call: { direction: 'inbound', disposition: 'answered', answeredBy: '101', caller: { number: '+4930123456' } },
    });
    const events = (await stand.entries()).flatMap(entry => (entry.event ?? '').split(','));
    expect(events.filter(event => event !== 'call.updated')).toEqual([
      'call.started',
      'call.ringing',
      'call.answered',
      'call.ended',
    ]);
    expect(await stand.redis.hlen(stand.keys.calls)).toBe(0);
    expect(await stand.redis.hlen(stand.keys.participants)).toBe(0);
  });

  test('the log says of every call what the PBX knows of it', async () => {
    await usualIngest();
    const { totals } = (await stand.sim.get('/sim/state')).body as { totals: { ended: number } };
    for (const scenario of ['inbound', 'missed', 'outbound', 'internal'] as const) {
      await stand.sim.post('/sim/calls', { scenario, ringMs: ASKED_MS, talkMs: ASKED_MS });
    }
    await waitFor(async () => (await stand.bodies()).filter(body => body.event === 'call.ended').length === 4, {
      what: 'four ended calls',
    });
    const truth = (await stand.sim.get(`/sim/calls?after=${totals.ended}`)).body as {
      calls: { callid: number; direction: string; disposition: string }[];
    };
    const ended = (await stand.bodies()).filter(body => body.event === 'call.ended').map(body => body.call);
    expect(new Set(ended.map(call => JSON.stringify(pick(call))))).toEqual(
      new Set(
        truth.calls.map(({ callid, direction, disposition }) =>
          JSON.stringify({ pbxCallId: callid, direction, disposition }),
        ),
      ),
    );
  });

  test('garbage becomes errors entries with its bytes, and the stream goes on', async () => {
    await usualIngest();
    await stand.sim.post('/sim/faults', { kind: 'garbage', count: 16 });
    await stand.sim.post('/sim/calls', { scenario: 'missed', dn: '101', ringMs: ASKED_MS });
    await bodyWhere('the call after the garbage', body => body.event === 'call.ended');
    const sent = (await stand.frames()) as unknown as { frame: unknown; raw?: string }[];
    const errors = (await stand.entries('errors')).map(entry => JSON.parse(entry.body).data.details);
    const unreadable = errors.filter(details => typeof details.sample === 'string');
    const inCalls = (await stand.bodies()).filter(body => body.data !== null).length;
    expect(inCalls + unreadable.length).toBe(sent.length);
    expect(unreadable.map(details => details.sample)).toContain('not json at all');
    expect(unreadable.some(details => details.encoding === 'base64')).toBe(true);
  });

  test('a frame of two megabytes becomes an errors entry and costs one reconnect', async () => {
    await usualIngest();
    await stand.sim.post('/sim/faults', { kind: 'garbage', bytes: 2_000_000 });
    await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    const errors = (await stand.entries('errors')).map(entry => JSON.parse(entry.body).data.message);
    expect(errors.join()).toContain('longer than 1048576 bytes');
    await waitFor(isConnected, { what: 'the connection to be back' });
  });
});

describe('outages of the PBX', () => {
  test('after a drop there is a gap with its times, then the differences, and no call stays open', async () => {
    await usualIngest();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000, talkMs: 100 });
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '102', ringMs: ASKED_MS, talkMs: ASKED_MS });
    await bodyWhere('both calls', body => body.event === 'call.answered');
    await stand.sim.post('/sim/faults', { kind: 'drop', ms: ASKED_MS + 1_500 });
    const gap = await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    expect(Date.parse(gap.to ?? '') - Date.parse(gap.from ?? '')).toBeGreaterThan(1_000);
    const ended = await bodyWhere('the end of the call that ended unseen', body => body.event === 'call.ended');
    expect(ended).toMatchObject({ origin: 'reconcile', data: null, call: { disposition: 'answered', endedAt: null } });
    expect(await stand.redis.hlen(stand.keys.calls)).toBe(1);
    const { logged, delivered } = await settled();
    expect(logged).toEqual(delivered);
  });

  test('an expired token costs one new token and one reconnect', async () => {
    const ingest = await usualIngest();
    await stand.sim.post('/sim/faults', { kind: 'expire-token' });
    await stand.sim.post('/sim/faults', { kind: 'drop' });
    await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    await stand.sim.post('/sim/calls', { scenario: 'missed', dn: '101', ringMs: ASKED_MS });
    await bodyWhere('a call on the new connection', body => body.event === 'call.ended');
    expect((await fetch(`${ingest.internalUrl}/readyz`)).status).toBe(200);
  });

  test('a restart of the PBX ends the old calls, and new calls with the same numbers are other calls', async () => {
    await usualIngest();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: ASKED_MS, talkMs: 60_000 });
    const before = await bodyWhere('the first call', body => body.event === 'call.answered');
    await stand.sim.post('/sim/restart', {});
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000, talkMs: 100 });
    const ended = await bodyWhere('the end of the first call', body => body.event === 'call.ended');
    expect(ended.call?.callId).toBe(before.call?.callId);
    const ids = await waitFor(
      async () => {
        const open = await stand.redis.hkeys(stand.keys.calls);
        return open.length === 1 && open;
      },
      { what: 'one open call' },
    );
    expect(ids).not.toContain(before.call?.callId);
  });
});

describe('outages of our own', () => {
  test('ingest killed and started again covers the time with a gap and ends what ended, once', async () => {
    const first = await usualIngest();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: ASKED_MS, talkMs: ASKED_MS });
    await bodyWhere('the answered call', body => body.event === 'call.answered');
    await first.kill();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '102', ringMs: 60_000 });
    await waitFor(async () => ((await stand.sim.get('/sim/state')).body as { active: unknown[] }).active.length === 1, {
      what: 'the first call to end unseen',
    });
    await stand.start();
    await bodyWhere('the end of the first call', body => body.event === 'call.ended');
    await bodyWhere('the second call', body => body.origin === 'reconcile' && body.events?.[0] === 'call.started');
    const bodies = await stand.bodies();
    const gapAt = bodies.findIndex(body => body.reason === 'pbx_disconnected');
    expect(bodies.filter(body => body.event === 'call.ended')).toHaveLength(1);
    expect(bodies.slice(0, gapAt).every(body => body.data !== null)).toBe(true);
    // The second call goes on ringing, so that frames may follow the differences, but none comes before or between.
    const lastDifference = bodies.findLastIndex(body => body.origin === 'reconcile');
    const differences = bodies.slice(gapAt + 1, lastDifference + 1);
    expect(differences.length).toBeGreaterThanOrEqual(2);
    expect(differences.every(body => body.data === null && body.origin === 'reconcile')).toBe(true);
    const { logged, delivered } = await settled();
    expect(logged).toEqual(delivered);
  });

  test('the gap of an ingest that stood still begins before that, not when it read what was left in its socket', async () => {
    const ingest = await usualIngest();
    await stand.burst(1, 1_000);
    await settled();
    process.kill(ingest.pid, 'SIGSTOP');
    await stand.burst(100, 1_000);
    await stand.sim.post('/sim/faults', { kind: 'drop' });
    const cutAt = Date.now();
    // Longer than a frame may be under way, which every gap takes account of.
    await waitFor(() => Date.now() > cutAt + 2_500, { what: 'the time of standing still' });
    process.kill(ingest.pid, 'SIGCONT');
    const gap = await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    expect(Date.parse(gap.from ?? '')).toBeLessThanOrEqual(cutAt);
    expect(await stand.delivered()).toHaveLength(101);
    const { logged, delivered } = await settled();
    expect(logged).toEqual(delivered);
  });

  test('a log that was deleted under way gets its state written again', async () => {
    await usualIngest();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
    await bodyWhere('the first call', body => body.events?.[0] === 'call.started');
    const before = await stand.redis.hgetall(stand.keys.calls);
    const left = await stand.redis.keys(stand.keys.log('calls').replace('log:calls', '*'));
    await stand.redis.del(...left);
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '102', ringMs: 60_000 });
    await waitFor(async () => (await stand.redis.hlen(stand.keys.calls)) === 2, { what: 'both calls in the state' });
    expect(Object.keys(await stand.redis.hgetall(stand.keys.calls))).toEqual(
      expect.arrayContaining(Object.keys(before)),
    );
    expect((await stand.bodies())[0]).toMatchObject({ reason: 'log_reset' });
  });

  test('a stopped ingest leaves nothing that it received unwritten', async () => {
    const ingest = await usualIngest();
    await stand.sim.post('/sim/burst', { events: 4_000, perSecond: 2_000 });
    await waitFor(async () => (await stand.entries()).length > 500, { what: 'a part of the burst' });
    await ingest.stop();
    const logged = await stand.logged();
    const delivered = await stand.delivered();
    expect(logged).toEqual(delivered.slice(0, logged.length));
  });

  test('an ingest that is stopped while the PBX owes it a snapshot writes what stands behind that, and ends in time', async () => {
    const ingest = await usualIngest();
    await stand.sim.post('/sim/faults', { kind: 'slow', ms: 30_000, count: 1_000, path: '/callcontrol' });
    await stand.sim.post('/sim/faults', { kind: 'drop' });
    await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
    // All that there are until somebody answers: one that meets the closing socket is nobody's to write.
    await waitFor(async () => (await stand.delivered()).length >= 2, { what: 'the frames of the call' });
    await ingest.stop();
    expect(await stand.logged()).toEqual(await stand.delivered());
  });
});

describe('outages of Redis', () => {
  let redis: { kill(): void; start(): Promise<void> };

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), '3cx-relay-test-ingest-redis-'));
    let server = await startRedis({ dir });
    const { url, port } = server;
    await openStand({ redisUrl: url });
    also.push(() => server.stop());
    also.push(() => rm(dir, { recursive: true, force: true }));
    redis = {
      kill: () => server.kill(),
      async start() {
        server = await startRedis({ dir, port });
      },
    };
  });

  test('Redis killed in the middle of a burst and started again holds every frame once, in order', async () => {
    const ingest = await stand.renew();
    const burst = stand.burst(8_000, 2_000);
    await waitFor(async () => (await stand.redis.xlen(stand.keys.log('calls'))) > 1_000, {
      what: 'a part of the burst',
    });
    redis.kill();
    await waitFor(async () => (await fetch(`${ingest.internalUrl}/readyz`)).status === 503, { what: 'not ready' });
    await burst;
    const readiness = await (await fetch(`${ingest.internalUrl}/readyz`)).text();
    expect(readiness).toContain('spooling');
    await redis.start();
    const { logged, delivered } = await settled();
    expect(delivered).toHaveLength(8_000);
    expect(logged).toEqual(delivered);
    await waitFor(async () => (await fetch(`${ingest.internalUrl}/readyz`)).ok, { what: 'ready again' });
  });

  test('what a killed ingest left in the spool comes first, and the gap begins after it', async () => {
    const ingest = await stand.renew();
    await stand.burst(500, 1_000);
    await settled();
    redis.kill();
    await stand.burst(1_000, 1_000);
    await waitFor(async () => (await stand.spooled()) >= 1_000, { what: 'everything to be spooled' });
    await ingest.kill();
    await redis.start();
    await stand.start();
    await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    const { logged, delivered } = await settled();
    expect(delivered).toHaveLength(1_500);
    expect(logged).toEqual(delivered);
    const bodies = await stand.bodies();
    const gapAt = bodies.findIndex(body => body.reason === 'pbx_disconnected');
    expect(bodies.findLastIndex(body => body.data !== null && body.data !== undefined)).toBeLessThan(gapAt);
  });

  test('a full spool closes the PBX connection, and when Redis is back a gap says what that cost', async () => {
    await (await stand.renew()).stop();
    await stand.start({ SPOOL_MAX_BYTES: '1048576' });
    await stand.renew();
    await stand.burst(200, 1_000);
    redis.kill();
    const burst = stand.burst(6_000, 3_000);
    await waitFor(async () => !(await isConnected()), { what: 'the connection to be closed' });
    await burst;
    await stand.burst(10, 1_000);
    await redis.start();
    await bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    const errors = (await stand.entries('errors')).map(entry => JSON.parse(entry.body).data);
    expect(errors).toContainEqual(expect.objectContaining({ severity: 'critical' }));
    const bodies = await stand.bodies();
    const gap = bodies.find(body => body.reason === 'pbx_disconnected');
    const logged = new Set((await stand.logged()).map(data => JSON.stringify(data)));
    const missing = (await stand.frames()).filter(({ frame }) => !logged.has(JSON.stringify(frame)));
    expect(missing.length).toBeGreaterThan(0);
    for (const { at } of missing) {
      expect(at).toBeGreaterThanOrEqual(Date.parse(gap?.from ?? ''));
      expect(at).toBeLessThanOrEqual(Date.parse(gap?.to ?? ''));
    }
  });
});

describe('limits of time', () => {
  test('an entity that is not answered holds the log up for the deadline and no longer', async () => {
    await openStand({ env: { INGEST_GET_DEADLINE_MS: '400' } });
    await stand.start();
    await stand.sim.post('/sim/faults', { kind: 'slow', ms: 5_000, count: 1, path: '/callcontrol/' });
    const startedAt = Date.now();
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 100, talkMs: 100 });
    const late = await bodyWhere('an entry without its participant', body => body.unresolved === 'deadline');
    expect(Date.now() - startedAt).toBeLessThan(2_500);
    expect(late.participant).toBeNull();
    const { logged, delivered } = await settled();
    expect(logged).toEqual(delivered);
  });

  test('a line that answers pings but sends no frames is given up when a snapshot shows it', async () => {
    await openStand({ env: { INGEST_RECONCILE_MS: '1000' } });
    await stand.start();
    await stand.sim.post('/sim/faults', { kind: 'stall', ms: 60_000 });
    await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
    await bodyWhere('the call, found by a snapshot', body => body.origin === 'reconcile' && body.events !== undefined);
    await bodyWhere('the gap of the new connection', body => body.reason === 'pbx_disconnected');
  });
});

function pick(call: unknown): object {
  const { pbxCallId, direction, disposition } = call as Record<string, unknown>;
  return { pbxCallId, direction, disposition };
}
