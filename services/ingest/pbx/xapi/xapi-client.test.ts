import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XAPIClient, type XAPIClientOptions } from './xapi-client.ts';

let server: Server;
let url: string;
let client: XAPIClient;
let asked: string[];
let minted: number;
let now: number;
let respond: (request: IncomingMessage, response: ServerResponse, path: string) => void;

const SECRET = 'a&b secret';
const jwt = (n: number, role: readonly string[]) =>
  `e30.${Buffer.from(JSON.stringify({ n, iat: 1_000, exp: 4_600, role })).toString('base64url')}.x`;
let roles: readonly string[];

beforeEach(async () => {
  asked = [];
  minted = 0;
  now = 1_000_000;
  roles = ['system_owners', 'Enterprise'];
  respond = (_, response) => void response.end('{"value":[]}');
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    if (path === '/connect/token') {
      minted += 1;
      return void response.end(JSON.stringify({ access_token: jwt(minted, roles), expires_in: 60 }));
    }
    asked.push(`${request.method} ${path}`);
    respond(request, response, path);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = open();
});

afterEach(async () => {
  client.stop();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

function open(options: XAPIClientOptions = {}): XAPIClient {
  return new XAPIClient(url, 'relay', SECRET, { now: () => now, random: () => 0, ...options });
}

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  respond = (_, response) =>
    void response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
};
const failureOf = (promise: Promise<unknown>): Promise<{ code: string; message: string }> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as { code: string; message: string },
  );
const is401UntilToken = (n: number) => (request: IncomingMessage, response: ServerResponse) => {
  const isFresh = request.headers.authorization === `Bearer ${jwt(n, roles)}`;
  response.writeHead(isFresh ? 200 : 401).end('{"value":[]}');
};

describe('XAPI', () => {
  test('shows the calls that are up, page by page, each once', async () => {
    respond = (_, response, path) => {
      const skip = Number(/\$skip=(\d+)/.exec(path)?.[1]);
      const value = Array.from({ length: skip === 0 ? 100 : 2 }, (_, i) => ({ Id: skip === 0 ? i : 99 + i }));
      if (skip === 0) {
        value[0] = {
          Id: 0,
          ...{ Caller: '10007 +49301', Callee: '101 Ada', Status: 'Talking' },
          ...{ LastChangeStatus: '2026-01-01T00:00:00Z', EstablishedAt: null, ServerNow: '2026-01-01T00:00:05Z' },
        };
      }
      response.end(JSON.stringify({ value }));
    };
    const calls = await client.getActiveCalls();
    expect(calls).toHaveLength(101);
    expect(calls[0]).toEqual({
      ...{ id: 0, caller: '10007 +49301', callee: '101 Ada', status: 'Talking', establishedAt: null },
      ...{ lastChangeAt: Date.UTC(2026, 0, 1), serverNow: Date.UTC(2026, 0, 1, 0, 0, 5) },
    });
    expect(asked).toEqual(['GET /xapi/v1/ActiveCalls?$top=100&$skip=0', 'GET /xapi/v1/ActiveCalls?$top=100&$skip=100']);
  });

  test('tells its version and its state', async () => {
    answer(200, { Version: '20.0.8.1109', FQDN: 'pbx', CallsActive: 3, LicenseActive: true });
    expect(await client.getSystemStatus()).toMatchObject({ version: '20.0.8.1109', callsActive: 3, isActivated: null });
    expect(await client.getVersion()).toBe('20.0.8.1109');
    answer(200, '{"Id":0}', { 'X-3CX-Version': '20.0.9.1' });
    expect(await client.getVersion()).toBe('20.0.9.1');
    expect((await client.check()).latencyMs).toBeGreaterThanOrEqual(0);
  });

  test('ends a call with a body, and once', async () => {
    respond = (_, response) => void response.writeHead(204).end();
    await client.dropCall(7);
    expect(asked).toEqual(['POST /xapi/v1/ActiveCalls(7)/Pbx.DropCall']);
    answer(503, '');
    await expect(client.dropCall(7)).rejects.toMatchObject({ code: 'PBX_FAILED', status: 503 });
    expect(asked).toHaveLength(2);
  });

  test('refused with 401 is asked once more with a fresh token, and only one is minted for all', async () => {
    respond = is401UntilToken(2);
    await Promise.all([client.getActiveCalls(), client.getActiveCalls(), client.dropCall(1)]);
    expect(minted).toBe(2);
    expect(client.tokenExpiry).toBe(now + 3_600_000);
  });

  test('that refuses a fresh token, too, has been asked twice and no more', async () => {
    answer(401, '');
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_CREDENTIALS_REFUSED', status: 401 });
    expect([asked.length, minted]).toEqual([2, 2]);
  });
});

describe('a refusal of XAPI', () => {
  const odata = (message: string) => ({ error: { code: 'X1', message, details: [] } });

  test.each([
    [400, odata('$top too large'), 'PBX_REQUEST_REFUSED', '$top too large'],
    [403, odata('No license for this'), 'PBX_LICENCE_MISSING', 'licence'],
    [404, odata(''), 'PBX_NOT_FOUND', '404'],
    [302, '', 'PBX_ANSWER_UNREADABLE', 'redirects'],
    [200, '<html>', 'PBX_ANSWER_UNREADABLE', 'no XAPI'],
    [500, '', 'PBX_FAILED', 'event log'],
    [429, '', 'PBX_RATE_LIMITED', 'too often'],
  ])('answered with %s %j is %s', async (status, body, code, words) => {
    answer(status, body);
    const error = await failureOf(client.getActiveCalls());
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(`${JSON.stringify(error)}${error.message}`).not.toContain(SECRET);
    expect(`${JSON.stringify(error)}${error.message}`).not.toContain('e30.');
  });

  test('of the call log alone is known after the first look, and its end by asking again', async () => {
    const isLog = (path: string) => path.includes('GetCallLogData');
    let isAllowed = false;
    respond = (_, response, path) => {
      response.writeHead(isLog(path) && !isAllowed ? 403 : 200).end('{"value":[]}');
    };
    expect(client.refusal).toBeUndefined();
    await client.check();
    await expect.poll(() => client.refusal).toMatch(/GetCallLogData \(403\): give it the role System Owner/);
    await client.check();
    expect(asked.filter(isLog)).toHaveLength(1);
    isAllowed = true;
    now += 30_000;
    await client.check();
    await expect.poll(() => client.refusal).toBeNull();
    now += 30_000;
    await client.check();
    expect([asked.filter(isLog).length, asked.filter(path => path.includes('Users')).length]).toEqual([2, 1]);
  });

  test('that somebody meets is known at once, and an operator who asks for a reconnect hears how it is now', async () => {
    let status = 403;
    respond = (_, response, path) => {
      response.writeHead(path.includes('ActiveCalls') ? status : 200).end('{"value":[]}');
    };
    await client.reconnect();
    expect(client.refusal).toBeNull();
    respond = (_, response, path) => {
      response.writeHead(/ActiveCalls|LastCdr|HistoryView/.test(path) ? status : 200).end('{"value":[]}');
    };
    expect(await client.historyReader()).toBe('call-log');
    expect(client.refusal).toBeNull();
    await failureOf(client.getActiveCalls());
    expect(client.refusal).toContain('GET ActiveCalls (403)');
    status = 200;
    await client.reconnect();
    expect(client.refusal).toBeNull();
  });

  test('by a PBX that has no such question, or does not answer, is none', async () => {
    respond = (_, response, path) => {
      response.writeHead(path.includes('Users') ? 404 : path.includes('GetCallLog') ? 500 : 200).end('{"value":[]}');
    };
    await client.reconnect();
    expect(client.refusal).toBeUndefined();
    respond = (_, response) => void response.end('{"value":[]}');
    await client.reconnect();
    expect(client.refusal).toBeNull();
  });

  test('with 403 everywhere means that XAPI is not ticked', async () => {
    answer(403, '');
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_XAPI_NOT_ENABLED' });
    await expect(client.check()).rejects.toMatchObject({ code: 'PBX_XAPI_NOT_ENABLED' });
    roles = ['App'];
    client.stop();
    client = open();
    const error = await failureOf(client.check());
    expect(error.message).toContain('look at the licence');
  });

  test('with 403 in one place means that the role is too small', async () => {
    respond = (_, response, path) => void response.writeHead(path.includes('Defs') ? 200 : 403).end('{}');
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_ROLE_TOO_SMALL', status: 403 });
    expect(asked).toHaveLength(2);
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_ROLE_TOO_SMALL' });
    expect(asked).toHaveLength(3);
  });
});

describe('a question that fails', () => {
  test('is asked again when it reads, and the answer counts', async () => {
    respond = (_, response) => void response.writeHead(asked.length < 3 ? 503 : 200).end('{"value":[]}');
    await expect(client.getActiveCalls()).resolves.toEqual([]);
    expect(asked).toHaveLength(3);
  });

  test('waits as long as the PBX wants, but not for ever', async () => {
    answer(429, '', { 'retry-after': '60' });
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_RATE_LIMITED', retryAfterMs: 60_000 });
    expect(asked).toHaveLength(1);
    answer(429, '', { 'retry-after': '0' });
    await expect(client.getActiveCalls()).rejects.toMatchObject({ retryAfterMs: 0 });
    expect(asked).toHaveLength(4);
  });

  test('is given up at its deadline, at its size, and when nobody is there', async () => {
    client.stop();
    client = open({ timeoutMs: 60, attempts: 1, maxBytes: 1_000 });
    await client.ensureValidToken();
    respond = () => undefined;
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_TIMEOUT' });
    client.stop();
    // What is answered at once may take longer than that on a busy machine.
    client = open({ attempts: 1, maxBytes: 1_000 });
    answer(200, JSON.stringify({ value: ['x'.repeat(5_000)] }));
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_ANSWER_TOO_LARGE' });
    respond = request => void request.socket.destroy();
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_UNREACHABLE' });
  });

  test('ends when its caller goes away', async () => {
    respond = () => undefined;
    const error = client.getActiveCalls(AbortSignal.timeout(50));
    await expect(error).rejects.toMatchObject({ code: 'ABORTED' });
    expect(client.circuit).toBe('closed');
  });

  test('five times in a row is not asked any more, then once, then as before', async () => {
    client.stop();
    client = open({ attempts: 1, circuitOpenMs: 1_000 });
    answer(500, '');
    for (let i = 0; i < 5; i += 1) await expect(client.check()).rejects.toMatchObject({ code: 'PBX_FAILED' });
    expect(client.circuit).toBe('open');
    await expect(client.check()).rejects.toMatchObject({
      code: 'PBX_CIRCUIT_OPEN',
      message: expect.stringContaining('500'),
    });
    expect(asked).toHaveLength(5);
    answer(200, '{}');
    await expect(client.reconnect()).resolves.toMatchObject({ latencyMs: expect.any(Number) });
    expect(client.circuit).toBe('closed');
  });

  test('because it is forbidden or not found does not count as dead', async () => {
    answer(404, '');
    for (let i = 0; i < 8; i += 1) await failureOf(client.getActiveCalls());
    expect(client.circuit).toBe('closed');
  });

  test('is not even asked without a PBX that gives a token', async () => {
    client.stop();
    client = new XAPIClient('http://127.0.0.1:1', 'relay', SECRET, { now: () => now });
    for (let i = 0; i < 5; i += 1) {
      await expect(client.check()).rejects.toMatchObject({ code: 'PBX_UNREACHABLE' });
      now += 2_000;
    }
    await expect(client.check()).rejects.toMatchObject({ code: 'PBX_CIRCUIT_OPEN' });
  });
});

describe('the address of a PBX', () => {
  test.each(['ftp://pbx', 'pbx example', ''])('%j is refused with what would be right', fqdn => {
    expect(() => new XAPIClient(fqdn, 'relay', SECRET)).toThrow('for example pbx.example.com:5001');
  });
});

describe('a question that failed', () => {
  const told: string[] = [];
  const errors = {
    logError: (...[component, severity, message]: string[]) => void told.push(`${component} ${severity}: ${message}`),
  };
  const openTelling = (options: XAPIClientOptions = {}) => {
    client.stop();
    told.length = 0;
    client = open({ errors, ...options });
  };

  test('at each of its tries is an error, once, and one that was answered at the second is a warning', async () => {
    openTelling();
    answer(503, '');
    await failureOf(client.getActiveCalls());
    let n = 0;
    respond = (_, response) => {
      n += 1;
      response.writeHead(n === 1 ? 503 : 200).end('{"value":[]}');
    };
    await client.getActiveCalls();
    await client.getActiveCalls();
    expect(told).toEqual([
      expect.stringMatching(/^xapi error: GET ActiveCalls failed: the PBX failed on GET ActiveCalls \(503\)/),
      expect.stringMatching(/^xapi warning: GET ActiveCalls was answered only when it was asked again: .*503/),
    ]);
    expect(told.join()).not.toMatch(new RegExp(`e30|${SECRET}`));
  });

  test('is told by others when it is a look at XAPI, its rights or its history, was refused, or nobody waits for it', async () => {
    openTelling({ circuitFailures: 2 });
    respond = (_, response, path) => void response.writeHead(path.includes('Users') ? 403 : 200).end('{"value":[]}');
    await client.reconnect();
    await failureOf(client.getExtensionNumbers());
    await failureOf(client.getActiveCalls(AbortSignal.abort()));
    answer(503, '');
    for (let n = 0; n < 3; n += 1) await failureOf(client.check());
    expect((await failureOf(client.getActiveCalls())).code).toBe('PBX_CIRCUIT_OPEN');
    expect(told).toEqual([]);
  });
});
