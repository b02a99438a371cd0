import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConnectionState } from '@3cx-relay/shared/client/link.ts';
import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../install/dev/system/ports.ts';
import { createLogFiller, type LogFiller, numberIn } from '../../harness/log-filler.ts';
import { inheritedEnvironment, type ServiceProcess, startService } from '../../harness/processes.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { type ScriptedRelay, startScriptedRelay } from '../fixtures/scripted-relay.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const reconnect = { firstMs: 20, maxMs: 100, healthyMs: 500 };
let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  relay = await startTestRelay();
  log = createLogFiller(relay);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

/** A second relay on the same log, as a process that can be killed. */
async function startProcess(port: number): Promise<ServiceProcess> {
  return startService('relay', {
    ...{ REDIS_URL: relay.redisUrl, DATABASE_URL: relay.databaseUrl, PBX_ID: relay.pbxId },
    ...{ ADMIN_SECRET: adminSecret, ADMIN_ENABLED: 'false', PORT: String(port) },
  });
}

it('a consumer loses nothing and gets nothing twice while its relay is killed, restarted and cut off under load', async () => {
  const port = await findFreePort();
  let process = await startProcess(port);
  const proxy = await startTcpProxy(`http://127.0.0.1:${port}`);
  const stream = createRelayClient({ url: proxy.url, apiKey: relay.apiKey, reconnect }).events({ after: 'start' });
  const numbers: number[] = [];
  const total = 6_000;
  const reading = (async () => {
    for await (const item of stream) if (numbers.push(numberIn(item)) === total) return;
  })();
  const writing = (async () => {
    for (let i = 0; i < total / 50; i += 1) {
      await log.fill(50);
      // Spread over the interruptions below: the last ones wait until all of those are over.
      await waitFor(() => numbers.length > (i - 20) * 50, { what: 'the reader to follow', timeoutMs: 20_000 });
    }
  })();
  for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
    await waitFor(() => numbers.length > total * share, { what: `${share} of all`, timeoutMs: 20_000 });
    if (share === 0.5) {
      await process.kill();
      process = await startProcess(port);
    } else {
      await proxy.cut();
      await proxy.restore();
    }
  }
  await Promise.all([reading, writing]);
  expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  await proxy.stop();
  await process.stop();
});

describe('a close', () => {
  let scripted: ScriptedRelay | undefined;

  async function follow(script: Parameters<typeof startScriptedRelay>[0], heartbeatMs?: number) {
    scripted = await startScriptedRelay(script, heartbeatMs);
    const states: ConnectionState[] = [];
    const client = createRelayClient({ url: scripted.url, apiKey: 'any', reconnect });
    return { stream: client.events({ onState: state => states.push(state) }), states, relay: scripted };
  }

  afterAll(() => scripted?.stop());

  it('takes every message of a frame, and after one that ends the connection those behind it when they come again', async () => {
    const entry = (n: number) =>
      `{"type":"call_event","id":"mx000000_${String(n).padStart(16, '0')}","at":"2026-03-02T09:00:00.000Z","event":"pbx.event"}`;
    const protocols: string[] = [];
    const asked: string[] = [];
    const { stream, relay: lines } = await follow((socket, connection) => {
      protocols.push(socket.protocol);
      socket.once('message', subscription => {
        asked.push(String(subscription));
        socket.send(
          connection === 1
            ? `${entry(1)}\n${entry(2)}\n{"type":"error","code":"unavailable","message":"not now"}\n${entry(3)}\n`
            : `${entry(3)}\n${entry(4)}\n`,
        );
      });
    });
    const ids: unknown[] = [];
    for await (const item of stream) {
      ids.push(Number(String('id' in item ? item.id : '').slice(-16)));
      if (ids.length === 4) break;
    }
    expect(ids).toEqual([1, 2, 3, 4]);
    expect(protocols).toEqual(['relay.v1.ndjson', 'relay.v1.ndjson']);
    expect(asked[1]).toContain('"after":"mx000000_0000000000000002"');
    await lines.stop();
  });

  it.each([
    [1009, 'too_big'],
    [4001, 'unauthenticated'],
    [4003, 'forbidden'],
    [4009, 'key_ended'],
    [4010, 'limit'],
    [4011, 'protocol_error'],
  ])('with %i is final: %s', async (closeCode, code) => {
    const { stream, relay: closing } = await follow(socket => socket.close(closeCode, 'because'));
    await expect(stream.next()).rejects.toMatchObject({ code, closeCode, reconnect: false, message: 'because' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(closing.connections.length).toBe(1);
    await closing.stop();
  });

  it('that is final comes after what was received before', async () => {
    const { stream, relay: closing } = await follow(socket => {
      socket.send('{"type":"call_event","id":"m5k2h7qa_0000000000000001","event":"call.ended"}');
      socket.send('{"type":"of a later version","id":"m5k2h7qa_0000000000000002"}');
      socket.close(4009, 'key revoked or expired');
    });
    expect(await stream.next()).toMatchObject({ value: { event: 'call.ended' } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'key_ended' });
    await closing.stop();
  });

  it.each([1001, 1006, 1011, 1012, 4999])('with %i is followed by another attempt', async code => {
    const {
      stream,
      states,
      relay: closing,
    } = await follow((socket, connection) => {
      if (connection > 1) socket.send('{"type":"call_event","id":"m5k2h7qa_0000000000000001"}');
      else if (code === 1006) socket.terminate();
      else socket.close(code);
    });
    expect(await stream.next()).toMatchObject({ done: false });
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
    await stream.return();
    await closing.stop();
  });

  it('that never comes is not waited for: who is silent for two and a half heartbeats, though asked, is gone', async () => {
    const asked: string[] = [];
    const silent = await follow((socket, connection) => {
      if (connection > 1) socket.send('{"type":"call_event","id":"m5k2h7qa_0000000000000001"}');
      else socket.on('message', data => asked.push(JSON.parse(String(data)).type));
    }, 200);
    await silent.stream.next();
    const [first = 0, second = 0] = silent.relay.connections;
    expect(asked).toEqual(['subscribe', 'ping']);
    expect(silent.states.find(({ state }) => state === 'waiting')).toMatchObject({
      reason: 'the relay has fallen silent',
    });
    expect(second - first).toBeGreaterThanOrEqual(450);
    expect(second - first).toBeLessThan(1_000);
    await silent.stream.return();
    await silent.relay.stop();
  });

  it('that was announced is waited for as long as was asked', async () => {
    const { stream, relay: closing } = await follow((socket, connection) => {
      if (connection > 1) return void socket.send('{"type":"call_event","id":"m5k2h7qa_0000000000000001"}');
      socket.send('{"type":"reconnect","afterMs":300}');
      socket.close(1012, 'restart');
    });
    await stream.next();
    const [first = 0, second = 0] = closing.connections;
    expect(second - first).toBeGreaterThanOrEqual(295);
    await stream.return();
    await closing.stop();
  });

  it('again and again is met with waits that grow', async () => {
    const { stream, relay: closing } = await follow(socket => {
      socket.send('{"type":"reconnect","afterMs":0}');
      socket.close(1012, 'restart');
    });
    const waiting = stream.next();
    await waitFor(() => performance.now() - (closing.connections[0] ?? Number.POSITIVE_INFINITY) > 1_000, {
      what: 'a second to pass',
    });
    // Waits of 50 ms on average: about twenty attempts, where hammering would be hundreds.
    expect(closing.connections.length).toBeGreaterThan(3);
    expect(closing.connections.length).toBeLessThan(60);
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await closing.stop();
  });
});

it.each([
  ['left', "for await (const item of stream) { if (item.type === 'call_event') break; }"],
  ['aborted', 'setTimeout(() => stop.abort(), 300); for await (const item of stream) seen += 1;'],
  ['refused', "try { await refused.next(); } catch (error) { if (error.code !== 'unauthenticated') throw error; }"],
])('a program whose stream was %s has nothing left that keeps it running', async (_how, code) => {
  const program = `
    import { createRelayClient } from './shared/client/relay-client.ts';
    const stop = new AbortController();
    let seen = 0;
    const options = { after: 'start', signal: stop.signal, positions: { load: () => null, save: () => {} } };
    const stream = createRelayClient({ url: process.env.URL, apiKey: process.env.API_KEY }).events(options);
    const refused = createRelayClient({ url: process.env.URL, apiKey: 'wrong' }).events(options);
    ${code}
    console.log('over');`;
  await log.fill(1);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    timeout: 10_000,
    env: { ...inheritedEnvironment(), URL: relay.url, API_KEY: relay.apiKey },
  });
  expect([stdout, stderr]).toEqual(['over\n', '']);
});
