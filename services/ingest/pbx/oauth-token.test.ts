import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOAuthToken, expiryOf } from './oauth-token.ts';
import { createPbxHttp, type PbxHttp } from './pbx-http.ts';
import { tlsProblemOf } from './tls-problem.ts';

let server: Server;
let pbx: PbxHttp;
let bodies: string[];
let answer: (n: number) => { status: number; body: string } | Promise<{ status: number; body: string }>;
let now: number;

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
const tokenBody = (n: number, lifeSeconds = 3_600) =>
  JSON.stringify({ access_token: jwt({ n, iat: 1_000, exp: 1_000 + lifeSeconds }), expires_in: 60 });
const owner = () => createOAuthToken({ http: pbx.http, now: () => now }, { clientId: 'relay', clientSecret: 'a&b' });

beforeEach(async () => {
  bodies = [];
  now = 1_000_000;
  answer = n => ({ status: 200, body: tokenBody(n) });
  server = createServer((request, response) => {
    let text = '';
    request.on('data', chunk => {
      text += chunk;
    });
    request.on('end', async () => {
      bodies.push(text);
      const { status, body } = await answer(bodies.length);
      response.writeHead(status).end(body);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  pbx = createPbxHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { maxSockets: 4 });
});

afterEach(async () => {
  pbx.stop();
  await new Promise(resolve => server.close(resolve));
});

describe('the token', () => {
  test('is minted once for all who ask at the same time, as a form', async () => {
    const token = owner();
    const all = await Promise.all(Array.from({ length: 20 }, () => token.ensureValidToken()));
    expect(new Set(all).size).toBe(1);
    expect(bodies).toEqual(['client_id=relay&client_secret=a%26b&grant_type=client_credentials']);
    expect(token.tokenExpiry).toBe(1_000_000 + 3_600_000);
  });

  test('is refreshed a minute before it dies and not earlier', async () => {
    const token = owner();
    const first = await token.ensureValidToken();
    now += 3_539_000;
    expect(await token.ensureValidToken()).toBe(first);
    now += 2_000;
    expect(await token.ensureValidToken()).not.toBe(first);
  });

  test('that is newer survives the 401 that an older one earned', async () => {
    const token = owner();
    const first = await token.ensureValidToken();
    token.invalidate(first);
    const second = await token.ensureValidToken();
    token.invalidate(first);
    expect(await token.ensureValidToken()).toBe(second);
    expect(bodies).toHaveLength(2);
  });

  test('that is refused is an error which says what to do, and is not asked for again at once', async () => {
    answer = () => ({ status: 401, body: '{"error":"invalid_client"}' });
    const token = owner();
    await expect(token.ensureValidToken()).rejects.toMatchObject({ code: 'PBX_CREDENTIALS_REFUSED' });
    await expect(token.ensureValidToken()).rejects.toMatchObject({ code: 'PBX_CREDENTIALS_REFUSED' });
    expect(bodies).toHaveLength(1);
    now += 2_000;
    answer = n => ({ status: 200, body: tokenBody(n) });
    await expect(token.ensureValidToken()).resolves.toMatch(/^e30/);
  });

  test('is minted ten times in ten seconds at most, however often what was given out is refused', async () => {
    const token = owner();
    const use = async () => token.invalidate(await token.ensureValidToken());
    for (let n = 0; n < 10; n += 1) await use();
    for (let n = 0; n < 200; n += 1) {
      now += 20;
      await expect(use()).rejects.toMatchObject({ code: 'PBX_CREDENTIALS_REFUSED' });
    }
    expect(bodies).toHaveLength(10);
    now += 10_000;
    await expect(use()).resolves.toBeUndefined();
  });

  test('of an address that speaks no TLS is an error of its own, which says what to set', async () => {
    const https = createPbxHttp(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, { maxSockets: 1 });
    const token = createOAuthToken({ http: https.http }, { clientId: 'relay', clientSecret: 'a&b' });
    await expect(token.ensureValidToken()).rejects.toMatchObject({
      code: 'PBX_CERTIFICATE_REFUSED',
      message: expect.stringContaining('set PBX_URL to http://'),
    });
    https.stop();
  });

  test.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'behind the certificate problem %s is told apart from an absent PBX',
    code => {
      expect(tlsProblemOf(Object.assign(new Error('x'), { code }))).toContain('NODE_EXTRA_CA_CERTS');
      expect(tlsProblemOf(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBeNull();
    },
  );

  test.each([
    [403, '', 'PBX_RIGHTS_MISSING'],
    [503, '', 'PBX_UNREACHABLE'],
    [200, '<html>', 'PBX_ANSWER_UNREADABLE'],
    [200, '{"access_token":5}', 'PBX_ANSWER_UNREADABLE'],
    [200, 'null', 'PBX_ANSWER_UNREADABLE'],
  ])('answered with %s %s is %s, and the secret is in no message', async (status, body, code) => {
    answer = () => ({ status, body });
    const error = await owner()
      .ensureValidToken()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(JSON.stringify(error) + String(error)).not.toContain('a&b');
  });
});

describe('a token that is to be refreshed and lives on for a minute', () => {
  const LIFE_MS = 3_600_000;

  async function dueToken(): Promise<{ token: ReturnType<typeof owner>; present: string }> {
    const token = owner();
    const present = await token.ensureValidToken();
    now += LIFE_MS - 50_000;
    return { token, present };
  }

  test('is good until it dies while the PBX gives out no other, which is asked for again', async () => {
    const { token, present } = await dueToken();
    answer = () => ({ status: 503, body: '' });
    expect([await token.ensureValidToken(), await token.ensureValidToken()]).toEqual([present, present]);
    expect(bodies).toHaveLength(2);
    now += 2_000;
    expect(await token.ensureValidToken()).toBe(present);
    expect(bodies).toHaveLength(3);
    now += 48_000;
    await expect(token.ensureValidToken()).rejects.toMatchObject({ code: 'PBX_UNREACHABLE' });
    now += 2_000;
    answer = n => ({ status: 200, body: tokenBody(n) });
    expect(await token.ensureValidToken()).not.toBe(present);
  });

  test('is given out after half a second while the PBX owes the next one, which is asked for once', async () => {
    const { token, present } = await dueToken();
    const next = Promise.withResolvers<{ status: number; body: string }>();
    answer = () => next.promise;
    const first = await Promise.all([token.ensureValidToken(), token.ensureValidToken()]);
    expect(first).toEqual([present, present]);
    const askedAt = performance.now();
    expect(await token.ensureValidToken()).toBe(present);
    expect(performance.now() - askedAt).toBeLessThan(400);
    expect(bodies).toHaveLength(2);
    next.resolve({ status: 200, body: tokenBody(2) });
    await expect.poll(() => token.ensureValidToken()).not.toBe(present);
    expect(bodies).toHaveLength(2);
  });

  test('is not given out any more once the PBX refuses it', async () => {
    const { token, present } = await dueToken();
    const next = Promise.withResolvers<{ status: number; body: string }>();
    answer = () => next.promise;
    expect(await token.ensureValidToken()).toBe(present);
    token.invalidate(present);
    const waiting = token.ensureValidToken();
    next.resolve({ status: 200, body: tokenBody(2) });
    expect(await waiting).not.toBe(present);
    expect(bodies).toHaveLength(2);
  });
});

describe('the life of a token', () => {
  test.each([
    ['the JWT says it', jwt({ iat: 100, exp: 400 }), 60, 300_000],
    ['expires_in up to 600 counts minutes', 'opaque', 60, 3_600_000],
    ['a larger expires_in counts seconds', 'opaque', 3_600, 3_600_000],
    ['without either it is an hour', 'opaque', undefined, 3_600_000],
    ['an unreadable JWT is opaque', 'a.!!!.c', 60, 3_600_000],
  ])('%s', (_, token, expiresIn, lifeMs) => {
    expect(expiryOf(token, expiresIn, 5_000)).toBe(5_000 + lifeMs);
  });
});
