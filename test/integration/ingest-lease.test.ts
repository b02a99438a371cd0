import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLease } from '@3cx-relay/shared/log/ingest-lease.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';
import type { ServiceProcess } from '../harness/processes.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand, type IngestStandOptions } from './fixtures/ingest-stand.ts';

/** Two ingests for one PBX, each with a spool folder of its own, as on two machines. */
let stand: IngestStand;
const also: (() => Promise<unknown> | unknown)[] = [];

afterAll(async () => {
  await stand.stop();
  for (const end of also.splice(0).reverse()) await end();
});

/** A PBX and a log of which nobody knows. */
async function openStand(options: IngestStandOptions = {}): Promise<void> {
  await stand?.stop();
  stand = await createIngestStand(options);
}

const standBy = async (env: Record<string, string> = {}) =>
  stand.start({ SPOOL_DIR: await stand.otherSpoolDir(), ...env }, { isStandby: true });

const writer = async () => readLease(stand);
const writes = (service: ServiceProcess, timeoutMs = 20_000) =>
  waitFor(async () => (await writer())?.pid === service.pid, {
    what: `${service.pid} to write`,
    timeoutMs,
    everyMs: 20,
  });
const sockets = async () => ((await stand.sim.get('/sim/health')).body as { sockets: number }).sockets;
const readyz = async ({ internalUrl }: ServiceProcess) => {
  const answer = await fetch(`${internalUrl}/readyz`);
  return { status: answer.status, reasons: ((await answer.json()) as { reasons: string[] }).reasons.join('; ') };
};
const isReady = (service: ServiceProcess) =>
  waitFor(async () => (await readyz(service)).status === 200, { what: 'it to be ready', timeoutMs: 20_000 });
const gaps = async () => (await stand.bodies()).filter(body => body.reason === 'pbx_disconnected');

async function errors(): Promise<string[]> {
  return (await stand.entries('errors')).map(entry => JSON.parse(entry.body).data.message as string);
}

/** What was sent to somebody is in the log once, or lies inside a gap that is told. */
async function expectOnceOrInGap(): Promise<void> {
  const told = await gaps();
  const isInGap = (at: number) =>
    told.some(({ from, to }) => at >= Date.parse(from ?? '') && at <= Date.parse(to ?? '') + 1_000);
  const sent = await stand.frames();
  const logged = await stand.logged();
  const times = new Map<string, number>();
  for (const frame of logged) times.set(JSON.stringify(frame), (times.get(JSON.stringify(frame)) ?? 0) + 1);
  expect([...times.values()].filter(count => count > 1)).toEqual([]);
  const missing = sent.filter(({ frame }) => !times.has(JSON.stringify(frame)));
  expect(missing.filter(({ at }) => !isInGap(at))).toEqual([]);
}

async function settled(count: number): Promise<void> {
  await waitFor(async () => (await stand.logged()).length >= count, { what: `${count} frames`, timeoutMs: 20_000 });
}

/** Who writes and who stands by, each with a spool folder of its own: those of the test before, where both live. */
let paired: { stand: IngestStand; both: [ServiceProcess, ServiceProcess] } | undefined;
async function pairOf(
  start: () => Promise<[ServiceProcess, ServiceProcess]>,
): Promise<[ServiceProcess, ServiceProcess]> {
  if (paired?.stand !== stand || !paired.both.every(service => service.isAlive())) {
    paired = { stand, both: await start() };
  }
  await stand.renew();
  const [one, other] = paired.both;
  return (await writer())?.pid === one.pid ? [one, other] : [other, one];
}

/** A Redis of its own, that can be away. */
async function mortalRedis() {
  const dir = await mkdtemp(join(tmpdir(), '3cx-relay-test-lease-redis-'));
  also.push(() => rm(dir, { recursive: true, force: true }));
  let server = await startRedis({ dir });
  also.push(() => server.stop());
  const { port, url } = server;
  return {
    url,
    kill: () => server.kill(),
    async start() {
      server = await startRedis({ dir, port });
    },
  };
}

/** The way of one ingest to Redis, which can be cut. */
async function ownWay(url: string) {
  const target = new URL(url);
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer(near => {
    if (isCut) return void near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => undefined);
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const way = {
    url: Object.assign(new URL(url), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href,
    cut() {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    mend() {
      isCut = false;
    },
  };
  also.push(() => {
    way.cut();
    return new Promise(resolve => server.close(resolve));
  });
  return way;
}

describe('with the usual lease', () => {
  beforeAll(() => openStand());

  test('a second one stands by and says so, leaves the PBX alone, and takes over from a killed one with a gap', async () => {
    const first = await stand.start();
    await stand.burst(200, 1_000);
    const second = await standBy();
    const { status, reasons } = await readyz(second);
    expect([status, reasons]).toEqual([
      503,
      expect.stringMatching(new RegExp(`^standby: ingest on \\S+ \\(pid ${first.pid}\\) writes since 20`)),
    ]);
    expect((await fetch(`${second.internalUrl}/livez`)).status).toBe(200);
    const metrics = await (await fetch(`${second.internalUrl}/metrics`)).text();
    expect(metrics).toMatch(/relay_ingest_is_holder\{[^}]*\} 0/);
    expect(metrics).not.toContain('relay_pbx_connected');
    expect(await sockets()).toBe(1);
    await waitFor(async () => (await stand.redis.get(stand.keys.ingestStandby))?.includes(`"pid":${second.pid}`), {
      what: 'the standby to be known',
    });
    await settled(200);

    const killedAt = performance.now();
    await first.kill();
    await stand.burst(50, 1_000);
    await writes(second);
    const tookMs = performance.now() - killedAt;
    console.log(`taken over from the dead in ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(13_000);
    await isReady(second);
    await stand.burst(100, 1_000);
    await settled(300);
    const [gap] = await gaps();
    const lost = (await stand.frames()).slice(200, 250);
    for (const { at, delivered } of lost) {
      expect(delivered).toBe(false);
      expect(at).toBeGreaterThanOrEqual(Date.parse(gap?.from ?? ''));
      expect(at).toBeLessThanOrEqual(Date.parse(gap?.to ?? ''));
    }
    await expectOnceOrInGap();
    expect(await (await fetch(`${second.internalUrl}/metrics`)).text()).toMatch(/relay_ingest_is_holder\{[^}]*\} 1/);
    expect(await errors()).toContainEqual(expect.stringContaining('has taken over'));
  }, 90_000);

  test('one that is stopped hands over at once', async () => {
    const first = await stand.renew();
    await stand.burst(100, 1_000);
    const second = await standBy();
    await first.stop();
    const stoppedAt = performance.now();
    await writes(second);
    const tookMs = performance.now() - stoppedAt;
    console.log(`taken over from the stopped in ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(3_000);
    await isReady(second);
    await stand.burst(100, 1_000);
    await settled(200);
    await expectOnceOrInGap();
  }, 60_000);
});

describe('with a short lease', () => {
  let way: Awaited<ReturnType<typeof ownWay>>;

  beforeAll(async () => {
    way = await ownWay((await createTestRedis()).url);
    await openStand({ env: { INGEST_LEASE_MS: '3000' } });
  });

  const pair = () => pairOf(async () => [await stand.start({ REDIS_URL: way.url }), await standBy()]);

  test('a lease that Redis lost goes back to its holder, and the standby stays one', async () => {
    const [first, second] = await pair();
    const all = stand.burst(2_000, 500);
    for (let round = 0; round < 3; round += 1) {
      await stand.redis.del(stand.keys.ingestLease);
      await writes(first);
      // Long enough for the standby to see it.
      await new Promise(resolve => setTimeout(resolve, 1_500));
    }
    await all;
    await settled(2_000);
    expect((await readyz(second)).reasons).toMatch(/standby: ingest on/);
    expect(await gaps()).toEqual([]);
    await expectOnceOrInGap();
  }, 60_000);

  test('one that alone cannot reach Redis is replaced, and what it spooled meanwhile is not written a second time', async () => {
    const [first, second] = await pair();
    await stand.burst(100, 1_000);
    await settled(100);
    way.cut();
    await stand.burst(200, 1_000);
    await writes(second);
    await isReady(second);
    // Both listen, and only one can write.
    expect(await sockets()).toBe(2);
    await stand.burst(300, 1_000);
    await settled(400);
    await waitFor(async () => (await stand.spooled()) >= 500, {
      what: 'the other to have spooled them',
      timeoutMs: 20_000,
    });
    way.mend();
    await waitFor(async () => (await readyz(first)).reasons.includes(`(pid ${second.pid}) writes since`), {
      what: 'it to stand by',
      timeoutMs: 20_000,
    });
    await waitFor(async () => (await stand.spooled()) === 0, { what: 'its spool to be empty' });
    await waitFor(async () => (await sockets()) === 1, { what: 'it to leave the PBX' });
    await stand.burst(100, 1_000);
    await settled(500);
    expect(await stand.logged()).toHaveLength(500);
    await expectOnceOrInGap();
  }, 90_000);

  test('one that was frozen for longer than the lease writes nothing of what it wakes up with, and stands by', async () => {
    const [first, second] = await pair();
    await stand.burst(100, 1_000);
    await settled(100);
    process.kill(first.pid, 'SIGSTOP');
    // These wait in its socket until it wakes.
    await stand.burst(200, 1_000);
    await writes(second);
    await isReady(second);
    await stand.burst(300, 1_000);
    await settled(400);
    process.kill(first.pid, 'SIGCONT');
    await stand.burst(100, 500);
    await waitFor(async () => (await readyz(first)).reasons.includes(`(pid ${second.pid}) writes since`), {
      what: 'it to stand by',
    });
    await waitFor(async () => (await sockets()) === 1, { what: 'it to leave the PBX' });
    await stand.burst(50, 500);
    await settled(550);
    expect(await stand.logged()).toHaveLength(550);
    await expectOnceOrInGap();
    expect(first.isAlive()).toBe(true);
    await waitFor(async () => (await errors()).some(text => text.includes('has lost the lease and stands by')), {
      what: 'the loss to be told',
    });

    // It is as good a standby as one that was just started.
    await second.stop();
    await writes(first, 10_000);
    await isReady(first);
    await stand.burst(100, 1_000);
    await settled(650);
    await expectOnceOrInGap();
    expect(await (await fetch(`${first.internalUrl}/metrics`)).text()).toContain('relay_pbx_connected');
  }, 120_000);
});

describe('with a Redis that can be away', () => {
  let redis: Awaited<ReturnType<typeof mortalRedis>>;

  beforeAll(async () => {
    redis = await mortalRedis();
  });

  describe('and a lease that outlasts everything', () => {
    const env = { INGEST_LEASE_MS: '600000' };
    beforeAll(() => openStand({ redisUrl: redis.url }));

    test('killed with -9 and started again on the same spool folder it waits for nothing', async () => {
      const first = await stand.renew(env);
      await first.kill();
      const second = await stand.start(env);
      expect((await writer())?.pid).toBe(second.pid);
    });

    test('one that starts while Redis is away does as before when it is back: it waits for no lease', async () => {
      const first = await stand.renew(env);
      redis.kill();
      await first.kill();
      const starting = stand.start(env);
      await new Promise(resolve => setTimeout(resolve, 3_000));
      expect(await sockets()).toBe(0);
      await redis.start();
      const second = await starting;
      expect((await writer())?.pid).toBe(second.pid);
    }, 60_000);

    test('one that is sure of its lease while another has it is refused by the log with its next event, and stands by', async () => {
      const first = await stand.renew(env);
      await stand.burst(100, 1_000);
      await settled(100);
      // That a call has ended is written when nothing more came of it for a moment.
      await waitFor(async () => (await stand.redis.hlen(stand.keys.calls)) === 0, { what: 'no call to be open' });
      const calls = await stand.entries();
      await stand.redis.hset(stand.keys.ingestLease, { run: 'another', owner: 'another', host: 'elsewhere', pid: 1 });
      await stand.burst(100, 1_000);
      await waitFor(async () => (await readyz(first)).reasons.startsWith('standby: ingest on elsewhere (pid 1)'), {
        what: 'it to stand by',
      });
      await waitFor(async () => (await sockets()) === 0, { what: 'it to leave the PBX' });
      expect(await stand.entries()).toEqual(calls);
      await waitFor(
        async () => (await errors()).some(text => text.includes('entries that waited here for Redis were dropped')),
        {
          what: 'what it had heard to be dropped',
        },
      );
      expect(await stand.entries()).toEqual(calls);
    }, 60_000);
  });

  describe('and a short lease', () => {
    const env = { INGEST_LEASE_MS: '2000' };
    const pair = () => pairOf(async () => [await stand.start(), await standBy()]);
    beforeAll(() => openStand({ redisUrl: redis.url, env }));

    test('while Redis is away the writer spools for longer than the lease, and has it again when Redis is back', async () => {
      const [first, second] = await pair();
      await stand.burst(200, 1_000);
      await settled(200);
      redis.kill();
      await stand.burst(3_000, 600);
      await waitFor(async () => (await stand.spooled()) >= 3_000, {
        what: 'everything to be spooled',
        timeoutMs: 20_000,
      });
      expect(await sockets()).toBe(1);
      await redis.start();
      await settled(3_200);
      await isReady(first);
      expect((await readyz(second)).reasons).toContain(`(pid ${first.pid}) writes since`);
      expect(await gaps()).toEqual([]);
      expect(await stand.logged()).toEqual(await stand.delivered());
    }, 90_000);

    test('what waits in the spool of one that another has replaced is not written behind it, but for what it alone knows', async () => {
      const [first, second] = await pair();
      await stand.burst(100, 1_000);
      await settled(100);
      redis.kill();
      await stand.burst(500, 1_000);
      await waitFor(async () => (await stand.spooled()) >= 500, {
        what: 'everything to be spooled',
        timeoutMs: 20_000,
      });
      await first.kill();
      await redis.start();
      await writes(second);
      await isReady(second);
      await stand.burst(100, 1_000);
      await settled(200);

      const again = await stand.start(env, { isStandby: true });
      await waitFor(async () => (await stand.spooled()) === 0, { what: 'its spool to be empty' });
      expect((await readyz(again)).reasons).toContain(`(pid ${second.pid}) writes since`);
      await waitFor(
        async () => (await errors()).some(text => text.includes('entries that waited here for Redis were dropped')),
        {
          what: 'that to be told',
        },
      );
      expect(await errors()).toContainEqual(expect.stringContaining('the log cannot be written'));
      expect(await stand.logged()).toHaveLength(200);
      await expectOnceOrInGap();
    }, 90_000);
  });
});
