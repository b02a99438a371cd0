import { commandAccepted } from '@3cx-relay/shared/wire/answers.ts';
import type { PublicProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import { z } from 'zod';
import type { RouteBody, RouteDescription } from '../../documents/route-description.ts';
import {
  ACTION_BODIES,
  callBody,
  idempotencyKey,
  type ParticipantAction,
  participantName,
} from '../commands/command-bodies.ts';

const headers = z.object({ 'idempotency-key': idempotencyKey.optional() });
const params = z.object({ participant: participantName });

const ACCEPTED = {
  commandId: 'cmd_5f2c8a90d1e4b7a63c10f9e2',
  outcome: 'done',
  participant: { id: 8107, status: 'Dialing', dn: '101', callid: 1265, legid: 1 },
  expect: { channel: 'calls', event: 'call.started', dn: '101' },
  position: 'm5k2h7qa_0000000000001042',
};

const PROBLEMS: readonly PublicProblemCode[] = [
  'invalid_request',
  'payload_too_large',
  'idempotency_conflict',
  'too_many_commands',
  'too_many_idempotency_keys',
  'pbx_forbidden',
  'pbx_gone',
  'pbx_not_possible',
  'pbx_rejected',
  'pbx_unavailable',
  'pbx_timeout',
];

const command = (path: string, told: { operationId: string; summary: string; body: RouteBody }): RouteDescription => ({
  method: 'post',
  path,
  group: 'Call control',
  ...told,
  description:
    'Executed at most once. Read on behind `position` and the event in `expect` comes. After a 504 the same `Idempotency-Key` tells what came of it.',
  permission: 'write',
  headers,
  answers: {
    202: { description: 'Done.', content: { 'application/json': { schema: commandAccepted, example: ACCEPTED } } },
  },
  problems: PROBLEMS,
});

const SUMMARIES: Readonly<Record<ParticipantAction, string>> = {
  drop: 'Ends the call of a leg',
  answer: 'Answers a ringing leg',
  divert: 'Sends a ringing leg elsewhere',
  routeto: 'Lets another destination ring for this leg',
  transferto: 'Transfers a leg',
  attach_participant_data: 'Attaches data to a leg',
  attach_party_data: 'Attaches data to the other side of a leg',
};

const ATTACHED = { attachedData: { ticket: '4711' } };

const BODY_EXAMPLES: Readonly<Record<ParticipantAction, object>> = {
  drop: {},
  answer: {},
  divert: { destination: '102', reason: 'NoAnswer' },
  routeto: { destination: '102', timeout: 20 },
  transferto: { destination: '102' },
  attach_participant_data: ATTACHED,
  attach_party_data: ATTACHED,
};

export const describeCalls: readonly RouteDescription[] = [
  command('/relay/calls', {
    operationId: 'makeCall',
    summary: 'Makes a call from an extension',
    body: { schema: callBody, example: { dn: '101', destination: '+4930123456' } },
  }),
  ...(Object.keys(ACTION_BODIES) as ParticipantAction[]).map(action => ({
    ...command(`/relay/calls/{participant}/${action}`, {
      operationId: `${action.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())}Participant`,
      summary: SUMMARIES[action],
      body: { schema: ACTION_BODIES[action], example: BODY_EXAMPLES[action] },
    }),
    params,
  })),
];
