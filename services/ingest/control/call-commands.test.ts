import type { CallCommand } from '@3cx-relay/shared/jobs/call-command.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../../../test/harness/redis.ts';
import { createCallCommands } from './call-commands.ts';
import { type CommandMarks, createCommandMarks } from './command-marks.ts';
import type { Posted } from './pbx-post.ts';

const done: Posted = { kind: 'answered', status: 200, text: '{"finalstatus":"Success","result":{"id":8107}}' };
const command: CallCommand = {
  commandId: 'cmd_00000001',
  action: 'drop',
  dn: '101',
  participantId: 8107,
  actor: { kind: 'api_key', id: '7', name: 'crm' },
  address: '10.0.0.1',
  idempotencyKey: 'order-1',
  expiresAt: 2_000,
};

let redis: Redis;
let marks: CommandMarks;

beforeEach(async () => {
  const server = await createTestRedis();
  redis = new Redis(server.url);
  marks = createCommandMarks({ redis, keys: createLogKeys(server.pbxId) });
});

afterEach(() => redis.disconnect());

/** Ingest with a PBX that gives these answers, one after the other. */
function createIngest(answers: readonly Posted[], options: { now?: () => number; token?: () => Promise<string> } = {}) {
  const posts: { path: string; authorization: string }[] = [];
  const audits: { action: string; outcome: string; target: string; details: Record<string, unknown> }[] = [];
  const invalid: string[] = [];
  const told: string[] = [];
  const commands = createCallCommands({
    marks,
    token: {
      tokenExpiry: 0,
      ensureValidToken: options.token ?? (async () => `token-${invalid.length}`),
      invalidate: token => invalid.push(token),
    },
    pbx: {
      async post(path, { authorization }) {
        posts.push({ path, authorization });
        const answer = answers[posts.length - 1];
        if (!answer) throw new Error('asked once too often');
        return answer;
      },
      stop() {},
    },
    errors: { logError: (component, severity, message) => told.push(`${component} ${severity}: ${message}`) },
    write: (_, entry: NewEntry) => audits.push(JSON.parse(entry.body).data),
    logger: createLogger({ name: 'test', level: 'silent' }),
    registry: new Registry(),
    now: options.now ?? (() => 1_000),
  });
  return { commands, posts, audits, invalid, told };
}

test('a command is put to the PBX and put on record', async () => {
  const { commands, posts, audits } = createIngest([done]);
  const result = await commands.execute(command);
  expect(result).toEqual({ outcome: 'done', participant: { id: 8107 }, finalstatus: 'success' });
  expect(posts).toEqual([{ path: '/callcontrol/101/participants/8107/drop', authorization: 'Bearer token-0' }]);
  expect(audits).toEqual([
    {
      action: 'call.drop',
      actor: command.actor,
      address: '10.0.0.1',
      target: '101:8107',
      outcome: 'done',
      details: {
        commandId: command.commandId,
        idempotencyKey: 'order-1',
        finalstatus: 'success',
        participant: { id: 8107 },
      },
    },
  ]);
});

test('a second run of a finished command gives the same result and does nothing', async () => {
  const { commands, posts, audits } = createIngest([done]);
  const first = await commands.execute(command);
  expect(await commands.execute({ ...command, expiresAt: 0 })).toEqual(first);
  expect(posts).toHaveLength(1);
  expect(audits).toHaveLength(1);
});

test('a run after a crash between mark and result calls nobody and says that it may have been executed', async () => {
  await marks.start(command.commandId);
  const { commands, posts, audits } = createIngest([]);
  // Long after it expired: of a command that was begun that would be the wrong answer.
  const result = await commands.execute({ ...command, expiresAt: 0 });
  expect(result).toMatchObject({ outcome: 'unknown', message: expect.stringContaining('active calls') });
  expect(posts).toEqual([]);
  expect(audits).toMatchObject([{ outcome: 'unknown' }]);
  await commands.execute(command);
  expect(audits).toHaveLength(1);
});

test('of two runs at once one is executed', async () => {
  const { commands, posts } = createIngest([done, done]);
  const results = await Promise.all([commands.execute(command), commands.execute(command)]);
  expect(posts).toHaveLength(1);
  expect(results.map(({ outcome }) => outcome)).toContain('done');
});

test('a command past its time is not executed', async () => {
  const { commands, posts, audits } = createIngest([], { now: () => 2_000 });
  expect(await commands.execute(command)).toEqual({ outcome: 'expired' });
  expect(posts).toEqual([]);
  expect(audits).toMatchObject([{ action: 'call.drop', outcome: 'expired' }]);
  expect(await marks.read(command.commandId)).toEqual({ kind: 'none' });
});

test('a token that takes too long lets the command expire, and nothing is sent', async () => {
  let now = 1_000;
  const token = async () => {
    now = 2_500;
    return 'late';
  };
  const { commands, posts } = createIngest([], { now: () => now, token });
  expect(await commands.execute(command)).toEqual({ outcome: 'expired' });
  expect(posts).toEqual([]);
});

test('a 401 is asked again with a new token, once', async () => {
  const { commands, posts, invalid } = createIngest([{ kind: 'answered', status: 401, text: '' }, done]);
  expect(await commands.execute(command)).toMatchObject({ outcome: 'done' });
  expect(posts.map(({ authorization }) => authorization)).toEqual(['Bearer token-0', 'Bearer token-1']);
  expect(invalid).toEqual(['token-0']);
  const refused: Posted = { kind: 'answered', status: 401, text: '' };
  const again = createIngest([refused, refused]);
  expect(await again.commands.execute({ ...command, commandId: 'cmd_00000002' })).toMatchObject({
    outcome: 'failed',
    code: 'pbx_credentials_refused',
  });
});

test.each([
  [
    { kind: 'not_sent', message: 'connect ECONNREFUSED' },
    { outcome: 'failed', code: 'pbx_unreachable' },
  ],
  [{ kind: 'no_answer', message: 'socket hang up' }, { outcome: 'unknown' }],
  [{ kind: 'answered', status: 500, text: '' }, { outcome: 'unknown' }],
] satisfies [Posted, object][])('what came back as %j is not sent a second time', async (posted, expected) => {
  const { commands, posts } = createIngest([posted]);
  expect(await commands.execute(command)).toMatchObject(expected);
  expect(posts).toHaveLength(1);
});

test('without a token nothing is sent, and the reason is the sentence of whoever could not get it', async () => {
  const token = () => Promise.reject(new OperatorError('PBX_CREDENTIALS_REFUSED', 'the PBX refused CLIENT_ID'));
  const { commands, posts, audits } = createIngest([], { token });
  expect(await commands.execute(command)).toEqual({
    outcome: 'failed',
    code: 'pbx_credentials_refused',
    message: 'the PBX refused CLIENT_ID',
  });
  expect(posts).toEqual([]);
  expect(audits).toMatchObject([{ outcome: 'failed', details: { code: 'pbx_credentials_refused' } }]);
});

test('when Redis does not take the mark nothing is sent', async () => {
  const { commands, posts } = createIngest([done]);
  redis.disconnect();
  await expect(commands.execute(command)).rejects.toThrow();
  expect(posts).toEqual([]);
});

test('of attached data the record names the members and not what they hold', async () => {
  const { commands, audits } = createIngest([done]);
  await commands.execute({ ...command, action: 'attach_party_data', attachedData: { pin: '4711' } });
  expect(audits[0]?.details.attachedData).toEqual(['pin']);
});

test.each([
  [
    { kind: 'not_sent', message: 'connect ECONNREFUSED' },
    /^callcontrol error: the PBX did not get a command \(drop\): .*REFUSED/,
  ],
  [
    { kind: 'no_answer', message: 'socket hang up' },
    /^callcontrol error: whether .* executed a command \(drop\) is not known/,
  ],
  [{ kind: 'answered', status: 500, text: '' }, /^callcontrol error: whether .* \(drop\) is not known: .*500/],
] satisfies [Posted, RegExp][])('a command that failed at the PBX with %j is an error', async (posted, expected) => {
  const { commands, told } = createIngest([posted]);
  await commands.execute(command);
  await commands.execute(command);
  expect(told).toEqual([expect.stringMatching(expected)]);
  expect(told.join()).not.toMatch(/token-|8107/);
});

test.each([403, 404, 409, 422, 424])(
  'that the PBX refuses a command with %i is for its caller, and no error',
  async status => {
    const { commands, told, audits } = createIngest([{ kind: 'answered', status, text: '' }]);
    await commands.execute(command);
    expect([told, audits.length]).toEqual([[], 1]);
  },
);

test('neither is a command that was done, came too late or was none', async () => {
  const { commands, told } = createIngest([done]);
  await commands.execute(command);
  await commands.execute({ ...command, commandId: 'cmd_00000003', expiresAt: 0 });
  const { participantId: _, ...none } = command;
  await commands.execute({ ...none, commandId: 'cmd_00000004' });
  expect(told).toEqual([]);
});
