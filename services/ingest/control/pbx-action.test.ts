import type { CallCommand } from '@3cx-relay/shared/jobs/call-command.ts';
import { expect, test } from 'vitest';
import { toPbxAction, toResult } from './pbx-action.ts';

const base: CallCommand = {
  commandId: 'cmd_00000001',
  action: 'drop',
  dn: '101',
  participantId: 8107,
  actor: { kind: 'api_key', id: '1', name: 'crm' },
  address: '10.0.0.1',
  expiresAt: 0,
};

test.each([
  [{ action: 'drop' }, '/callcontrol/101/participants/8107/drop', {}],
  [
    { action: 'routeto', destination: '102', timeoutSeconds: 20, reason: 'NoAnswer' },
    '/callcontrol/101/participants/8107/routeto',
    { destination: '102', timeout: 20, reason: 'NoAnswer' },
  ],
  [
    { action: 'attach_party_data', attachedData: { ticket: '7' } },
    '/callcontrol/101/participants/8107/attach_party_data',
    { attacheddata: { ticket: '7' } },
  ],
  [{ action: 'makecall', destination: '+4930' }, '/callcontrol/101/makecall', { destination: '+4930' }],
  [
    { action: 'makecall', destination: '102', deviceId: 'sip:101@127.0.0.1:5063/;x' },
    '/callcontrol/101/devices/sip%3A101%40127.0.0.1%3A5063%2F%3Bx/makecall',
    { destination: '102' },
  ],
] satisfies [Partial<CallCommand>, string, object][])('%j goes to %s', (fields, path, body) => {
  expect(toPbxAction({ ...base, ...fields })).toEqual({ path, body });
});

test('an action on a participant without a participant has no path', () => {
  const { participantId: _, ...without } = base;
  expect(toPbxAction(without)).toBeNull();
});

const answer = (fields: object) => JSON.stringify(fields);

test.each(['Success', 'success', 1, '1'])('finalstatus %j means that it was done', finalstatus => {
  const result = toResult({ status: 200, text: answer({ finalstatus, result: { id: 8107, status: 'Dialing' } }) });
  expect(result).toEqual({
    outcome: 'done',
    finalstatus: 'success',
    participant: { id: 8107, status: 'Dialing' },
  });
});

test.each(['Failure', 'Failed', 'Rejected', 0, -1])(
  'finalstatus %j in a 200 is a refusal all the same',
  finalstatus => {
    const result = toResult({ status: 200, text: answer({ finalstatus, reasontext: 'busy' }) });
    expect(result).toEqual({ outcome: 'refused', code: 'pbx_rejected', status: 200, reason: 'busy' });
  },
);

test.each(['', 'not JSON', '[]', '{"finalstatus":"Queued"}'])('a 202 that says %j was accepted', text => {
  expect(toResult({ status: 202, text })).toEqual({ outcome: 'done', participant: null, finalstatus: null });
});

test.each([
  [403, { outcome: 'refused', code: 'pbx_forbidden' }],
  [404, { outcome: 'refused', code: 'pbx_gone' }],
  [422, { outcome: 'refused', code: 'pbx_not_possible', reason: 'not ringing' }],
  [424, { outcome: 'refused', code: 'pbx_not_possible' }],
  [400, { outcome: 'refused', code: 'pbx_rejected' }],
  [429, { outcome: 'refused', code: 'pbx_rejected' }],
  [502, { outcome: 'failed', code: 'pbx_unreachable' }],
  [503, { outcome: 'failed', code: 'pbx_unreachable' }],
  [500, { outcome: 'unknown' }],
  [504, { outcome: 'unknown' }],
])('a %i means %j', (status, expected) => {
  expect(toResult({ status, text: answer({ reasontext: 'not ringing' }) })).toMatchObject(expected);
});
