import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { openRaw, type RawAnswer, sendRaw } from '../harness/raw-http.ts';
import { connectClient, type RelayClient } from '../harness/relay-client.ts';
import { type RelayProcess, startRelayProcess } from '../harness/relay-process.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { extent } from './extent.ts';
import { describedRequest } from './malformed/described-requests.ts';
import { malformedFrame, malformedRequest, noise } from './malformed/malformed.ts';
import { report } from './row.ts';

/**
 * R7. Requests and frames that nobody should send, generated: noise, what is nearly right, and what the OpenAPI document makes
 * of each operation. Must hold: no crash, no 5xx, every refusal a problem document, memory that does not grow, and a client
 * beside them that gets every entry once. FUZZ_SEED: which ones; FUZZ_CASES: how many requests.
 */
const count = Number(process.env.FUZZ_CASES ?? extent({ quick: 3_000, full: 150_000 }));
const conversations = Math.ceil(count / 8);
const seed = Number(process.env.FUZZ_SEED ?? extent({ quick: 1, full: randomInt(2 ** 30) }));
const AT_ONCE = 16;
const CHUNK = 1_000;
/** What is answered where ingest and worker are needed: nobody is there in their place. */
const NOBODY_THERE = new Set([502, 503, 504]);
const NEEDS_OTHERS =
  /^[A-Z]+ \/(?:admin\/)?(?:relay\/)?(?:calls|cdr|call-history|agent-states|active-calls|connections|jobs|queues)\b/;
/** From the half close of a WebSocket until the other side closes, too. */
const CLOSED_WITHIN_MS = 15_000;
const MAX_GROWTH_BYTES = 120 * 1024 ** 2;

let relay: RelayProcess;
let log: LogFiller;
let client: RelayClient;
let isPublishing = true;
let publishing: Promise<void>;

beforeAll(async () => {
  relay = await startRelayProcess({
    settings: {
      RELAY_HEARTBEAT_MS: '2000',
      RELAY_FAILED_KEYS_PER_MINUTE: '1000000',
      RELAY_KEY_REQUESTS_PER_SECOND: '1000000',
      // Nobody is there in the place of ingest and worker.
      RELAY_COMMAND_TIMEOUT_MS: '500',
      RELAY_RECORDS_TIMEOUT_MS: '500',
      ADMIN_RECONNECT_TIMEOUT_MS: '500',
    },
  });
  log = createLogFiller(relay);
  await log.fill(50);
  client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
  const publish = async () => {
    while (isPublishing) {
      await log.fill(2);
      await sleep(20);
    }
  };
  publishing = publish();
});

afterAll(async () => {
  isPublishing = false;
  await publishing;
  await client?.close();
  await log?.stop();
  await relay?.stop();
});

/** Many at once, in the order in which they are drawn. */
async function each<Value>(arbitrary: fc.Arbitrary<Value>, times: number, tell: (value: Value) => Promise<void>) {
  for (let done = 0; done < times; done += CHUNK) {
    const values = fc.sample(arbitrary, { numRuns: Math.min(CHUNK, times - done), seed: seed + done });
    const queue = values.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const value of queue) await tell(value);
      }),
    );
    if (!relay.isAlive()) throw new Error('the relay is gone');
  }
}

/** Every refusal says what it is, in the same words everywhere. */
function faultOf({ status, headers, body }: RawAnswer, request: string): string | null {
  const isHead = request.startsWith('HEAD ');
  if (status < 400) return null;
  const isAwaited = NOBODY_THERE.has(status) && NEEDS_OTHERS.test(request);
  if (status >= 500 && !isAwaited) return `it answered ${status}: ${body}`;
  if (
    !headers.includes('x-content-type-options: nosniff') ||
    !headers.includes("content-security-policy: default-src 'none'")
  )
    return `${status} lacks what keeps a browser from taking it for a page: ${headers}`;
  if (isHead) return null;
  if (!headers.includes('content-type: application/problem+json')) return `${status} is no problem document: ${body}`;
  const problem = JSON.parse(body) as { code?: string; status?: number };
  return problem.code && problem.status === status ? null : `${status} has no code: ${body}`;
}

const toMiB = (bytes: number) => Math.round(bytes / 1024 ** 2);

/** What is missing here is a right answer. */
function reportRow(fault: string, run: { load: string; since: number; faults: number; note: string }): Promise<void> {
  const { load, since, faults, note } = run;
  return report({
    ...{ fault, load, seconds: Math.round((performance.now() - since) / 1_000), note },
    ...{ sent: null, logged: null, delivered: client.entries().length, duplicated: 0, missing: faults },
    ...{ gaps: 0, healMs: null },
  });
}

async function servesItsClient(): Promise<void> {
  const isAlone = async () =>
    (await relay.metric('relay_clients')) === 1 && (await relay.metric('relay_send_budget_used_bytes')) === 0;
  await waitFor(isAlone, { what: 'nobody else to be left' });
  const before = client.entries().length;
  await waitFor(() => client.entries().length > before + 2, { what: 'the client to be served', timeoutMs: 20_000 });
  const numbers = client.entries().map(numberIn);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
}

it('requests that nobody should send are refused in order, and the relay goes on', {
  timeout: 60_000 + count * 20,
}, async () => {
  const since = performance.now();
  const faults: string[] = [];
  const statuses = new Map<string, number>();
  const tell = async (bytes: Buffer) => {
    const request = bytes.toString('latin1', 0, 300);
    const answer = await sendRaw(relay.url, bytes).catch((error: Error) => error);
    const status = answer instanceof Error ? 'silence' : String(answer?.status ?? 'none');
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const fault = answer instanceof Error ? answer.message : answer && faultOf(answer, request);
    if (fault && faults.length < 10) faults.push(`${fault}\n    to ${JSON.stringify(request)}`);
  };
  const credentials = { apiKey: relay.apiKey, adminToken: (await signInAs(relay)).token };
  const request = fc.oneof(
    malformedRequest.map(toBytes => toBytes(relay.apiKey)),
    describedRequest.map(toBytes => toBytes(credentials)),
  );
  const half = Math.ceil(count * 0.45);
  await each(request, half, tell);
  const resident = await relay.residentBytes();
  await each(request, half, tell);
  await each(noise, Math.ceil(count * 0.1), tell);
  const grownBytes = (await relay.residentBytes()) - resident;
  await reportRow('R7 HTTP', {
    ...{ load: `${count} requests`, since, faults: faults.length },
    note: `${toMiB(grownBytes)} MiB more; ${[...statuses]
      .sort()
      .map(([status, times]) => `${status}: ${times}`)
      .join(', ')}`,
  });
  expect(faults).toEqual([]);
  expect(grownBytes).toBeLessThan(MAX_GROWTH_BYTES);
  await servesItsClient();
});

it('frames that nobody should send end that connection at most', { timeout: 60_000 + count * 20 }, async () => {
  const since = performance.now();
  const conversation = fc.array(malformedFrame, { minLength: 1, maxLength: 12 });
  const resident = await relay.residentBytes();
  let sent = 0;
  let faults = 0;
  await each(conversation, conversations, async frames => {
    sent += frames.length;
    const socket = openRaw(relay.url);
    socket.on('error', () => undefined);
    socket.write(
      `GET /relay/ws HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-API-Key: ${relay.apiKey}\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const answered = new Promise<string>(resolve => {
      socket.once('data', chunk => resolve(chunk.toString('latin1', 0, 12)));
      socket.once('close', () => resolve('closed'));
    });
    expect(await answered).toBe('HTTP/1.1 101');
    socket.resume();
    for (const frame of frames) socket.write(frame);
    // A ping that is answered, or a close: either way everything before it was dealt with. It may be a part of a frame
    // that was begun: then there is neither, until the connection ends.
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
    const answeredPing = new Promise<void>(resolve => {
      socket.on('data', chunk => chunk.includes('"pong"') && resolve());
    });
    socket.write(Buffer.concat([Buffer.from([0x81, 0x8f, 0, 0, 0, 0]), Buffer.from('{"type":"ping"}')]));
    await Promise.race([answeredPing, closed, sleep(1_000, undefined, { ref: false })]);
    socket.end();
    const isClosed = await Promise.race([closed.then(() => true), sleep(CLOSED_WITHIN_MS, false, { ref: false })]);
    if (!isClosed) faults += 1;
    socket.destroy();
  });
  const grownBytes = (await relay.residentBytes()) - resident;
  await reportRow('R7 WebSocket', {
    ...{ load: `${sent} frames, ${conversations} connections`, since, faults },
    note: `${toMiB(grownBytes)} MiB more`,
  });
  expect(faults).toBe(0);
  expect(grownBytes).toBeLessThan(MAX_GROWTH_BYTES);
  await servesItsClient();
});
