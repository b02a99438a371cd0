import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../fixtures/awkward-pbx.ts';
import type { IngestStandOptions } from '../fixtures/ingest-stand.ts';

/** What a PBX answers that does not let us in, and how an operator learns what to do (3cx.md C12, §2.1). */
const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

async function open(options: IngestStandOptions = {}): Promise<AwkwardPbx> {
  const pbx = await createAwkwardPbx(options);
  stops.push(() => pbx.stop());
  return pbx;
}

/** Ready only once the PBX lets it in; by then the test has seen what it said before. */
function startRefused(pbx: AwkwardPbx): Promise<unknown> {
  const starting = pbx.start();
  starting.catch(() => undefined);
  return starting;
}

/** What ingest says of itself and `/relay/health` passes on. */
async function reported(pbx: AwkwardPbx, words: string): Promise<{ state: string; error: string }> {
  return waitFor(
    async () => {
      const status = JSON.parse((await pbx.redis.get(pbx.keys.ingestStatus)) ?? '{}') as {
        state: string;
        error: string;
      };
      return status.error?.includes(words) && status;
    },
    { what: `health to say ${words}`, everyMs: 50 },
  );
}

const refusals = [
  { status: 401, help: /CLIENT_ID and CLIENT_SECRET/ },
  { status: 403, help: /Enterprise licence and the tick "3CX Call Control API Access"/ },
  { status: 404, help: /3CX V20 with an Enterprise licence/ },
];

describe('C12: call control is refused', () => {
  let pbx: AwkwardPbx;
  beforeAll(async () => {
    pbx = await open({ env: { INGEST_RECONCILE_MS: '1000' } });
  });

  test('401, 403 and 404 on the upgrade each say what to do, in health and in errors, and end by themselves', async () => {
    let starting: Promise<unknown> | null = null;
    for (const { status, help } of refusals) {
      await pbx.mend();
      await pbx.fault({ kind: 'reject-upgrade', ms: 600_000, status });
      // It may have got in meanwhile.
      await pbx.fault({ kind: 'drop' });
      starting ??= startRefused(pbx);
      const told = await pbx.errorLike(new RegExp(`call-control socket.*\\(${status}\\)`));
      expect(told).toMatchObject({ component: 'websocket', severity: 'critical' });
      expect(told.message).toMatch(help);
      // Between two attempts: during one it says that it is connecting.
      await waitFor(async () => (await reported(pbx, `(${status})`)).state === 'down', {
        what: 'the state down',
        timeoutMs: 20_000,
        everyMs: 50,
      });
    }
    const sample = await pbx.looksLike('websocket', 'down');
    expect(sample.error).toMatch(/404.*V20 with an Enterprise licence/);
    // The rest of the PBX is fine and is not blamed.
    await pbx.looksLike('xapi', 'up');
    await pbx.mend();
    await starting;
    await pbx.errorLike(/the PBX is connected again/);
    // Many attempts, one entry for each status.
    const critical = (await pbx.told()).filter(({ severity }) => severity === 'critical');
    expect(critical.map(({ message }) => /\((\d+)\)/.exec(message)?.[1])).toEqual(['401', '403', '404']);
  });

  test('401, 403 and 404 on GET /callcontrol degrade an open socket, each with its own help, and end by themselves', async () => {
    await pbx.renew();
    const sockets = await pbx.sockets();
    const helps = { 401: /API client of its own/, 403: /Enterprise licence, the tick/, 404: /V20 with an Enterprise/ };
    for (const [status, help] of Object.entries(helps)) {
      await pbx.mend();
      await pbx.fault({ kind: 'http-error', ms: 600_000, status: Number(status), path: '/callcontrol' });
      expect((await pbx.errorLike(new RegExp(`does not show its calls.*\\(${status}\\)`))).message).toMatch(help);
      expect((await reported(pbx, `(${status})`)).state).toBe('connected');
    }
    expect((await pbx.looksLike('websocket', 'degraded')).error).toContain('(404)');
    await pbx.mend();
    await pbx.errorLike(/the PBX shows its calls again/);
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    expect(await pbx.sockets()).toBe(sockets);
  });

  test('a licence that is taken away and comes back needs no restart of ours', async () => {
    const ingest = await pbx.renew();
    await pbx.sim.post('/sim/licence', { enterprise: false, status: 403 });
    await pbx.fault({ kind: 'drop' });
    await pbx.errorLike(/forbids the call-control socket \(403\)/);
    await waitFor(async () => (await fetch(`${ingest.internalUrl}/readyz`)).status === 503, { what: 'not ready' });
    expect(await (await fetch(`${ingest.internalUrl}/readyz`)).text()).toContain('Enterprise licence');
    await pbx.sim.post('/sim/licence', { enterprise: true });
    await pbx.errorLike(/the PBX is connected again/);
    expect(await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }))).toMatchObject({
      disposition: 'missed',
    });
  });
});

describe('§1.2: the token itself is refused', () => {
  let pbx: AwkwardPbx;
  beforeAll(async () => {
    pbx = await open();
  });

  const refuse = async (status: number) => {
    await pbx.sim.post('/sim/token', { badClientStatus: status });
    await pbx.sim.post('/sim/clients', { id: 'relay', secret: 'another one' });
  };

  async function expectToldOnceAndMended(status: number): Promise<void> {
    const told = await pbx.errorLike(new RegExp(`refused CLIENT_ID and CLIENT_SECRET \\(${status}\\)`));
    expect(told).toMatchObject({ severity: 'critical', message: expect.stringContaining('Integrations → API') });
    await pbx.sim.post('/sim/clients', { id: 'relay', secret: pbx.credentials.clientSecret });
    await pbx.errorLike(/gives out a token again/);
    const repeated = (await pbx.told()).filter(({ message }) => message.includes('CLIENT_ID'));
    expect(repeated).toHaveLength(1);
  }

  test('a wrong secret, answered with 400, is told once and mended without a restart', async () => {
    await refuse(400);
    const starting = startRefused(pbx);
    await expectToldOnceAndMended(400);
    await starting;
  });

  test('one that is wrong from now on, answered with 401, too', async () => {
    await pbx.renew();
    await refuse(401);
    await pbx.fault({ kind: 'expire-token' });
    await pbx.fault({ kind: 'drop' });
    await expectToldOnceAndMended(401);
  });
});

describe('§2.1: the role of the API client is too small', () => {
  test('XAPI answers and refuses the call log: it is degraded, told once with the role, and so is its end', async () => {
    const pbx = await open();
    await pbx.fault({ kind: 'http-error', ms: 600_000, status: 403, path: '/xapi/v1/ReportCallLogData' });
    await pbx.start();
    const sample = await pbx.looksLike('xapi', 'degraded');
    expect(sample.error).toMatch(/GetCallLogData \(403\): give it the role System Owner in Integrations → API/);
    // What it says of itself once a second, and /relay/health and the panel pass on.
    const said = await waitFor(
      async () => {
        const { components } = JSON.parse((await pbx.redis.get(pbx.keys.ingestStatus)) ?? '{}') as {
          components: { component: string; state: string; error: string | null }[];
        };
        const xapi = components.find(({ component }) => component === 'xapi');
        return xapi?.state === 'degraded' && xapi;
      },
      { what: 'ingest to say it', everyMs: 100 },
    );
    expect(said.error).toBe(sample.error);
    const told = await pbx.errorLike(/XAPI refuses a part of what it is asked: .*System Owner/);
    expect(told).toMatchObject({ component: 'xapi', severity: 'error' });
    // A call whose records are asked for meets the same refusal.
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    await pbx.looksLike('xapi', 'degraded');
    await pbx.mend();
    await waitFor(async () => (await pbx.looksLike('xapi', 'up')) !== undefined, {
      what: 'the end of the refusal',
      timeoutMs: 60_000,
    });
    await pbx.errorLike(/XAPI refuses nothing any more/);
    expect((await pbx.told()).filter(({ component }) => component === 'xapi').map(({ severity }) => severity)).toEqual([
      'error',
      'info',
    ]);
  }, 90_000);
});
