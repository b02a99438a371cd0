import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from './fixtures/ingest-stand.ts';

/** What becomes of a command when ingest dies around it. */
let stand: IngestStand;
let relay: TestRelay;

beforeAll(async () => {
  stand = await createIngestStand();
  relay = await startTestRelay({ PBX_ID: stand.keys.pbxId, RELAY_COMMAND_TIMEOUT_MS: '4000' });
});

afterAll(async () => {
  await relay.stop();
  await stand.stop();
});

const order = { dn: '101', destination: '+49301' };

async function makeCall(
  key: string,
): Promise<{ status: number; body: { code?: string; commandId: string; detail: string } }> {
  const response = await fetch(`${relay.url}/relay/calls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${relay.apiKey}`, 'idempotency-key': key },
    body: JSON.stringify(order),
  });
  return { status: response.status, body: await response.json() } as never;
}

async function callsMade(): Promise<number> {
  const { body } = await stand.sim.get('/sim/state');
  return (body as { totals: { started: number } }).totals.started;
}

const outcomes = async () =>
  (await stand.entries('audit')).map(({ body }) => (JSON.parse(body) as { data: { outcome: string } }).data.outcome);

test('while ingest is away the client is told soon, and nothing is executed afterwards', {
  timeout: 60_000,
}, async () => {
  const startedAt = performance.now();
  const answer = await makeCall('order-1');
  expect(answer).toMatchObject({ status: 503, body: { code: 'pbx_unavailable' } });
  expect(answer.body.detail).toContain('is ingest running?');
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  await waitFor(async () => (await outcomes()).length > 0, { what: 'the audit' });
  await stand.start();
  // The same key may try anew, because nothing was executed.
  const second = await makeCall('order-1');
  expect(second.status).toBe(202);
  expect(second.body.commandId).not.toBe(answer.body.commandId);
  expect(await callsMade()).toBe(1);
  expect(await outcomes()).toEqual(['not_executed', 'done']);
});

test('a command in whose middle ingest dies is not executed again, and its client is told that nobody knows', {
  timeout: 90_000,
}, async () => {
  const ingest = await stand.renew();
  await stand.sim.post('/sim/faults', { kind: 'slow', ms: 1_500, path: '/callcontrol/101/makecall' });
  const marks = () => stand.redis.keys(`relay:{${stand.keys.pbxId}}:command:*`);
  const marksBefore = (await marks()).length;
  const first = makeCall('order-2');
  await waitFor(async () => (await marks()).length > marksBefore, { what: 'the mark' });
  await ingest.kill();
  const told = await first;
  expect(told).toMatchObject({ status: 504, body: { code: 'pbx_timeout' } });
  const before = await callsMade();
  await stand.start();
  // Whoever asks again gets the same command: BullMQ gives it to the new process when the claim of the dead one is over.
  await waitFor(async () => (await outcomes()).includes('unknown'), { what: 'the verdict', timeoutMs: 45_000 });
  expect(await makeCall('order-2')).toMatchObject({ status: 504, body: { commandId: told.body.commandId } });
  expect(await callsMade()).toBe(before);
  expect(await outcomes()).toEqual(['unknown']);
});
