import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { recordSpans } from '../harness/recorded-spans.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const logger = pino({ level: 'silent' });

let relay: TestRelay | undefined;
let recorded: ReturnType<typeof recordSpans> | undefined;

afterEach(async () => {
  recorded?.stop();
  await relay?.stop();
});

it('the trace of an entry goes through the log to its delivery, and no byte of it to a client', async () => {
  recorded = recordSpans();
  const { spans } = recorded;
  relay = await startTestRelay();
  const client = await connectClient(relay.url, relay.apiKey);
  await client.waitForMessage('caught_up');
  const keys = createLogKeys(relay.pbxId);
  const { redis, stop } = connectRedis(relay.redisUrl, { name: 'test', logger });
  const entry = { type: 'call_event', at: Date.now(), body: '{"at":"x","event":"call.updated","data":null}' };
  const batch = { writerId: 'w', firstWriterSeq: 1, highestKnownSeq: 0 };
  const entries = [entry, { ...entry, trace: `00-${TRACE_ID}-00f067aa0ba902b7-01` }];
  await appendToLog({ redis, keys, channel: 'calls' }, { ...batch, entries });
  await waitFor(() => client.entries().length === 2, { what: 'both entries', timeoutMs: 5_000 });
  const [plain = '', traced = ''] = client.entries().map(message => JSON.stringify({ ...message, id: null }));
  expect(traced).toBe(plain);
  expect(spans.filter(({ links }) => links.includes(TRACE_ID))).toMatchObject([
    { name: 'relay.deliver', isEnded: true },
  ]);
  const fields = (await redis.xrange(keys.log('calls'), '-', '+')).map(([, names]) =>
    names.filter((_, i) => i % 2 === 0),
  );
  expect(fields).toEqual([
    ['t', 'at', 'b'],
    ['t', 'at', 'b', 'tp'],
  ]);
  await client.close();
  await stop();
});
