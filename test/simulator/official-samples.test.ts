import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSampleClient, type Participant } from './fixtures/sample-client.ts';
import { createSimulator, type Simulator } from './simulator.ts';
import { createSimulatorClient, until } from './simulator-client.ts';

const credentials = { clientId: 'ivrapp', clientSecret: 's' };
let simulator: Simulator;
let control: ReturnType<typeof createSimulatorClient>;
let sample: Awaited<ReturnType<typeof createSampleClient>>;
let onConnected: (participant: Participant) => void;
let onKey: (id: number, key: string) => void;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, seed: 1, timeScale: 0.01 });
  control = createSimulatorClient(simulator.url, credentials);
  onConnected = () => undefined;
  onKey = () => undefined;
  sample = await createSampleClient({
    url: simulator.url,
    appId: credentials.clientId,
    appSecret: credentials.clientSecret,
    reconnectMs: 50,
    pingMs: 20,
    onConnected: participant => onConnected(participant),
    onKey: (id, key) => onKey(id, key),
  });
});
afterEach(async () => {
  sample.stop();
  await simulator.stop();
});

const fromRoutePoint = () => sample.participantsOf(sample.routePoint());

test('the dialler calls from a device of its extension, follows the call by its entities and drops it', async () => {
  const { status, body } = await sample.makeCall('101', '102');
  expect(status).toBe(200);
  const id = body.result?.id ?? 0;
  const mine = () => sample.participantsOf('101').find(each => each.id === id);
  await until('the other one answers', () => mine()?.status === 'Connected');
  await sample.act('101', id, 'drop');
  await until('both are gone', () => sample.participantsOf('101').length + sample.participantsOf('102').length === 0);
});

test('an incoming call is answered, diverted and transferred by the actions of the samples', async () => {
  await control.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000, talkMs: 60_000 });
  const on = (dn: string) => sample.participantsOf(dn)[0];
  await until('101 rings', () => on('101')?.status === 'Ringing');
  await sample.act('101', on('101')?.id ?? 0, 'divert', '102');
  await until('102 rings', () => on('102')?.status === 'Ringing' && !on('101'));
  await sample.act('102', on('102')?.id ?? 0, 'answer');
  await until('102 talks', () => on('102')?.status === 'Connected');
  await sample.act('102', on('102')?.id ?? 0, 'transferto', '103');
  await until('103 rings', () => on('103')?.status === 'Ringing' && !on('102'));
});

test('the IVR plays its prompt to a caller, hears the caller, and routes by the key that is pressed', async () => {
  const heard = { bytes: 0, isOver: false };
  let promptStatus = 0;
  onConnected = async ({ id }) => {
    const dn = sample.routePoint();
    const prompt = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let slice = 0; slice < 5; slice++) {
          controller.enqueue(new Uint8Array(1600));
          await new Promise(resolve => setTimeout(resolve, 20));
        }
        controller.close();
      },
    });
    void sample.speak(dn, id, prompt).then(response => {
      promptStatus = response.status;
    });
    const response = await sample.listen(dn, id);
    try {
      for await (const chunk of response.body ?? []) heard.bytes += chunk.length;
    } catch {
      // The samples take a broken stream for the end of the call, which it is.
    }
    heard.isOver = true;
  };
  let isRouted = false;
  onKey = async (id, key) => {
    if (isRouted || key !== '2') return;
    isRouted = true;
    await sample.act(sample.routePoint(), id, 'routeto', '105');
    // The samples then drop their own leg; here it has left already, and they ignore that it is not found.
    await sample.act(sample.routePoint(), id, 'drop').catch(() => undefined);
  };
  await control.post('/sim/calls', { scenario: 'prompt', digits: '2222', ringMs: 20, talkMs: 2000 });
  await until('105 rings', () => sample.participantsOf('105')[0]?.status !== undefined);
  expect(heard.bytes).toBeGreaterThan(3000);
  expect(promptStatus).toBe(200);
  await until('the audio ends', () => heard.isOver);
  await until('nobody is on the route point', () => fromRoutePoint().length === 0);
});

test('the IVR calls out from the device of its route point', async () => {
  const { body } = await sample.makeCall(sample.routePoint(), '+442079460123');
  expect(body.result?.id).toBeGreaterThan(0);
  await until('it is answered', () => fromRoutePoint()[0]?.status === 'Connected');
  expect(fromRoutePoint()[0]?.direct_control).toBe(true);
});

test('after a close the samples come back with the token they have', async () => {
  await control.post('/sim/faults', { kind: 'close', code: 1006 });
  await until('they are back', () => sample.connects === 2);
  await control.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
  await until('frames are handled again', () => sample.participantsOf('101').length === 1);
});
