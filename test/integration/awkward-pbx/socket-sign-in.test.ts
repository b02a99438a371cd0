import { createCallControlApi } from '@3cx-relay/ingest/pbx/callcontrol/callcontrol-api.ts';
import { CallControlWebSocket, type SocketNews } from '@3cx-relay/ingest/pbx/callcontrol/callcontrol-websocket.ts';
import { createOAuthToken } from '@3cx-relay/ingest/pbx/oauth-token.ts';
import { createPbxHttp } from '@3cx-relay/ingest/pbx/pbx-http.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { createSimulatorClient } from '../../simulator/simulator-client.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../fixtures/awkward-pbx.ts';
import type { IngestStandOptions } from '../fixtures/ingest-stand.ts';
import { startWireTap } from '../fixtures/wire-tap.ts';

/** How a client gets in at `/callcontrol/ws` (3cx.md C4, C5, C11, §1.3). */
const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function open(options: IngestStandOptions = {}): Promise<AwkwardPbx> {
  const pbx = await createAwkwardPbx(options);
  stops.push(() => pbx.stop());
  return pbx;
}

describe('one ingest, whose requests are seen', () => {
  const clientId = 'relay desk@7';
  let pbx: AwkwardPbx;
  let tap: Awaited<ReturnType<typeof startWireTap>>;

  beforeAll(async () => {
    pbx = await open({ credentials: { clientId, clientSecret: 'a secret of the simulator' } });
    tap = await startWireTap(pbx.pbxUrl);
    stops.push(() => tap.stop());
    await pbx.start({ PBX_URL: tap.url });
    await pbx.connected();
  });

  test('§1.3: frames flow without a subscription, without a hello, and without a request of ours (C5)', async () => {
    expect(await pbx.frames()).toEqual([]);
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    // An answer of type 4 would show that something was asked over the socket, in whatever spelling.
    const types = (await pbx.frames()).map(
      ({ frame }) => (frame as { event: { event_type: number } }).event.event_type,
    );
    expect(new Set(types)).toEqual(new Set([0, 1]));
  });

  test('the token travels in the header of the upgrade and in no address', async () => {
    await pbx.renew();
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    const upgrade = tap.heads.find(head => head.startsWith('GET /callcontrol/ws HTTP/1.1\r\n'));
    const token = /authorization: Bearer (\S+)/i.exec(upgrade ?? '')?.[1] ?? '';
    expect(token.length).toBeGreaterThan(100);
    expect(tap.heads.length).toBeGreaterThan(3);
    const addresses = tap.heads.map(head => head.split('\r\n')[0] ?? '');
    expect(addresses.filter(address => /token=|secret/i.test(address) || address.includes(token))).toEqual([]);
    expect(tap.heads.filter(head => /authorization: basic/i.test(head))).toEqual([]);
  });

  test('§1.3: a stale token at the upgrade is replaced once, and the loop of 401 that others fell into does not begin', async () => {
    await pbx.renew();
    const [minted, refused] = [await pbx.minted(), await pbx.refused()];
    await pbx.fault({ kind: 'expire-token' });
    await pbx.fault({ kind: 'drop' });
    await pbx.bodyWhere('the gap', body => body.reason === 'pbx_disconnected');
    expect(await pbx.minted()).toBe(minted + 1);
    expect((await pbx.refused()) - refused).toBeLessThanOrEqual(1);
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    // One 401 is the usual end of an old token and no news.
    expect((await pbx.told()).filter(({ message }) => message.includes('401'))).toEqual([]);
  });

  test('C11: ingest follows a call on the route point of a client whose id is any text', async () => {
    await pbx.renew();
    const callid = await pbx.play({ scenario: 'prompt', dn: clientId, ringMs: ASKED_MS, talkMs: ASKED_MS });
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', answeredBy: clientId });
    expect((await pbx.about(callid)).filter(body => body.unresolved)).toEqual([]);
  });
});

describe.concurrent('C4: Bearer on the upgrade', () => {
  test('a PBX that takes Basic and nothing else gets it after a fresh token was refused, too', async () => {
    const pbx = await open();
    await pbx.sim.post('/sim/token', { socketScheme: 'basic' });
    await pbx.start();
    await pbx.connected();
    expect(await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }))).toMatchObject({
      disposition: 'missed',
    });
    // The first, the fresh one, and one for REST, which takes Bearer all the time.
    expect(await pbx.minted()).toBeLessThanOrEqual(3);
  });

  test('CALLCONTROL_AUTH=bearer never sends the secret to such a PBX, and says what is refused', async () => {
    const pbx = await open({ env: { CALLCONTROL_AUTH: 'bearer' } });
    const tap = await startWireTap(pbx.pbxUrl);
    stops.push(() => tap.stop());
    await pbx.sim.post('/sim/token', { socketScheme: 'basic' });
    const starting = pbx.start({ PBX_URL: tap.url });
    starting.catch(() => undefined);
    await pbx.errorLike(/refused the call-control socket \(401\).*CLIENT_ID and CLIENT_SECRET/);
    expect(tap.heads.filter(head => /authorization: basic/i.test(head))).toEqual([]);
    await pbx.sim.post('/sim/token', { socketScheme: 'bearer' });
    await starting;
    await pbx.errorLike(/the PBX is connected again/);
  });
});

describe.concurrent('C11: a client id is any text', () => {
  const ids = ['1001', 'relay desk', 'relay@example.com', 'Büro-7', 'a+b&c=d%20e', "o'brien#1"];

  test.each(ids)('%s signs in by form, opens a socket and names its own route point in a path', async clientId => {
    const credentials = { clientId, clientSecret: 'a secret: with = and &' };
    const simulator = await createSimulator({ ...credentials, timeScale: 0.05 });
    stops.push(() => simulator.stop());
    const sim = createSimulatorClient(simulator.url, credentials);
    const http = createPbxHttp(simulator.url, { maxSockets: 2 });
    stops.push(() => http.stop());
    const token = createOAuthToken({ http: http.http }, credentials);
    const api = createCallControlApi({ pbx: http, token });
    expect((await api.getSnapshot()).dns).toContain(clientId);
    await sim.post('/sim/calls', { scenario: 'prompt', dn: clientId, ringMs: 1, talkMs: 60_000 });
    const participants = await waitFor(
      async () => {
        const present = (await api.getSnapshot()).participants;
        return present.length > 0 && present;
      },
      { what: 'the call' },
    );
    const { dn = '', id = 0 } = participants[0] ?? {};
    expect(dn).toBe(clientId);
    expect(await api.getParticipant({ dn, id }, AbortSignal.timeout(2_000))).toMatchObject({ kind: 'found' });

    await sim.post('/sim/token', { socketScheme: 'basic' });
    const socket = new CallControlWebSocket(simulator.url, clientId, credentials.clientSecret, { auth: 'basic' });
    stops.push(() => socket.stop());
    const news: SocketNews[] = [];
    socket.subscribe(each => news.push(each));
    socket.start();
    await waitFor(() => news[0]?.kind === 'open', { what: 'the socket by Basic' });
  });
});
