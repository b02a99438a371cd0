import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OAuthToken } from '../oauth-token.ts';
import { createPbxHttp, type PbxHttp } from '../pbx-http.ts';
import { type CallControlApi, createCallControlApi } from './callcontrol-api.ts';

let server: Server;
let pbx: PbxHttp;
let api: CallControlApi;
let token: OAuthToken;
let asked: string[];
let tokens: string[];
let respond: (request: IncomingMessage, response: ServerResponse) => void;

const PARTICIPANT = { id: 7, callid: 3, legid: 1, status: 'Ringing', dn: '101', party_caller_id: '+49', party_did: '' };
const answerWith = (status: number, body: string) => {
  respond = (_, response) => void response.writeHead(status).end(body);
};
const get = (dn = '101', id = 7) => api.getParticipant({ dn, id }, AbortSignal.timeout(2_000));

beforeEach(async () => {
  asked = [];
  tokens = ['t1', 't2', 't3'];
  server = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`);
    respond(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  pbx = createPbxHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}/pbx`, { maxSockets: 4 });
  token = {
    ensureValidToken: async () => tokens[0] ?? '',
    tokenExpiry: 0,
    invalidate: (refused: string) => {
      if (tokens[0] === refused) tokens.shift();
    },
  };
  api = createCallControlApi({ pbx, token });
});

afterEach(async () => {
  pbx.stop();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

describe('a participant', () => {
  test('is found below the path of the PBX, with empty strings as nothing', async () => {
    answerWith(200, JSON.stringify(PARTICIPANT));
    expect(await get('a b')).toMatchObject({
      kind: 'found',
      participant: {
        id: 7,
        callid: 3,
        dn: 'a b',
        partyCallerId: '+49',
        partyDid: null,
        json: JSON.stringify(PARTICIPANT),
      },
    });
    expect(asked).toEqual(['Bearer t1 /pbx/callcontrol/a%20b/participants/7']);
  });

  test.each([
    [404, '', { kind: 'gone' }],
    [403, '', { kind: 'refused' }],
    [401, '', { kind: 'failed', message: 'status 401' }],
    [500, '', { kind: 'failed', message: 'status 500' }],
    [200, '<html>', { kind: 'failed', message: 'the answer is no participant' }],
    [200, '{"id":"7"}', { kind: 'failed', message: 'the answer is no participant' }],
  ])('answered with %s %s is %j', async (status, body, outcome) => {
    answerWith(status, body);
    expect(await get()).toEqual(outcome);
  });

  test('refused with 401 is asked for once more with a fresh token', async () => {
    respond = (request, response) => {
      const isFresh = request.headers.authorization === 'Bearer t2';
      response.writeHead(isFresh ? 200 : 401).end(isFresh ? JSON.stringify(PARTICIPANT) : '');
    };
    const all = await Promise.all([get(), get(), get()]);
    expect(all.map(outcome => outcome.kind)).toEqual(['found', 'found', 'found']);
    expect(tokens[0]).toBe('t2');
  });

  test('whose fresh token another program has killed at once is found with the next one', async () => {
    respond = (request, response) => {
      const isOurs = request.headers.authorization === 'Bearer t3';
      response.writeHead(isOurs ? 200 : 401).end(isOurs ? JSON.stringify(PARTICIPANT) : '');
    };
    expect([await get(), (await get()).kind]).toEqual([{ kind: 'failed', message: 'status 401' }, 'found']);
    expect(asked.map(line => line.split(' ')[1])).toEqual(['t1', 't2', 't3']);
  });

  test('that is not answered in time is given up', async () => {
    respond = () => undefined;
    expect(await api.getParticipant({ dn: '101', id: 7 }, AbortSignal.timeout(50))).toEqual({ kind: 'deadline' });
  });

  test('whose answer is too long or whose connection breaks has failed', async () => {
    answerWith(200, `{"x":"${'y'.repeat(400_000)}"}`);
    expect(await get()).toMatchObject({ kind: 'failed', message: expect.stringContaining('longer than') });
    respond = (request, _) => void request.socket.destroy();
    expect(await get()).toMatchObject({ kind: 'failed' });
  });

  test('asked for on a connection that the PBX is just closing is asked for again', async () => {
    answerWith(200, JSON.stringify(PARTICIPANT));
    await get();
    let isFirst = true;
    respond = (request, response) => {
      if (isFirst) {
        isFirst = false;
        request.socket.resetAndDestroy();
      } else response.end(JSON.stringify(PARTICIPANT));
    };
    expect(await get()).toMatchObject({ kind: 'found' });
  });
});

describe('the snapshot', () => {
  test('that is not answered in time says so, also while the token is what nobody answers', async () => {
    respond = () => undefined;
    const timeout = { code: 'PBX_TIMEOUT', message: expect.stringContaining('INGEST_SNAPSHOT_DEADLINE_MS') };
    await expect(api.getSnapshot(AbortSignal.timeout(50))).rejects.toMatchObject(timeout);
    const never = { ...token, ensureValidToken: () => new Promise<string>(() => undefined) };
    const waiting = createCallControlApi({ pbx, token: never }).getSnapshot(AbortSignal.timeout(50));
    await expect(waiting).rejects.toMatchObject(timeout);
  });

  test('lists the DNs and their participants, and leaves out what is none', async () => {
    answerWith(
      200,
      JSON.stringify([
        { dn: '101', type: 'Wextension', participants: [PARTICIPANT, 5, {}] },
        { dn: 'relay', type: 'Wroutepoint' },
        ...[null, { x: 1 }],
      ]),
    );
    const snapshot = await api.getSnapshot();
    expect(snapshot.dns).toEqual(['101', 'relay']);
    expect(snapshot.extensions).toEqual(['101']);
    expect(snapshot.participants.map(({ dn, id }) => `${dn}/${id}`)).toEqual(['101/7']);
  });

  test.each([
    [401, 'PBX_CREDENTIALS_REFUSED'],
    [403, 'PBX_RIGHTS_MISSING'],
    [404, 'PBX_RIGHTS_MISSING'],
    [500, 'PBX_UNREACHABLE'],
    [200, 'PBX_ANSWER_UNREADABLE'],
  ])('answered with %s is %s', async (status, code) => {
    answerWith(status, '{}');
    await expect(api.getSnapshot()).rejects.toMatchObject({ code });
  });
});
