import { PROBLEM_CODES, type PublicProblemCode, problem } from '@3cx-relay/shared/wire/problem.ts';
import { z } from 'zod';

/** What each code means to whoever gets it. The catalogue of the wire says which there are. */
export const PROBLEM_MEANINGS: Readonly<Record<PublicProblemCode, string>> = {
  invalid_request: 'a parameter, a header or the body is not what it must be; `field` and `detail` say which and how',
  invalid_position: 'this is not a position that the relay sent',
  unauthenticated: 'no key, or one that is not valid, was revoked or has expired',
  forbidden: 'the key lacks a permission, which `detail` names',
  not_found: 'there is nothing here',
  method_not_allowed: 'not with this method; see the header `Allow`',
  gone: 'what followed this offset is no longer held; `reason`, `oldestOffset` and `resumeOffset` say more',
  request_timeout: 'the request did not come to its end in time',
  expectation_failed: 'the header `Expect` asks for something else than `100-continue`',
  headers_too_large: 'the request line and the headers together are too long',
  payload_too_large: 'the body is longer than 64 KiB',
  idempotency_conflict: 'this `Idempotency-Key` was used for another request',
  too_many_commands: 'too many commands wait for the PBX',
  too_many_idempotency_keys: 'as many values of `Idempotency-Key` are kept for this key as may be; not executed',
  too_many_failures:
    'too many keys or tickets from this address were not valid, or not valid here; one that is valid still works',
  address_not_allowed: 'this key may not be used from this address',
  too_many_requests: 'this key makes more requests in a second than it may',
  too_many_waiting: 'too many requests wait already for something new',
  too_many_key_connections: 'as many connections are open with this key as it may have',
  too_many_record_reads: 'as many requests read records as may be',
  too_many_exports: 'as many exports of history are under way as may be',
  not_on_this_pbx: 'this PBX keeps no such records',
  pbx_forbidden: 'the PBX, not the relay, forbids it',
  pbx_gone: 'the PBX does not know the participant or the device any more',
  pbx_not_possible: 'not in the present state of the call',
  pbx_rejected: 'the PBX rejected it and says why in `detail`',
  pbx_unavailable: 'the PBX cannot be asked; a command was certainly not executed',
  pbx_timeout: 'the PBX did not answer in time; nobody knows whether a command was executed',
  internal: 'a mistake in the relay',
  too_many_connections: 'as many clients are connected or wait as may be',
  stopping: 'this relay is stopping',
  unavailable: 'a store behind the relay does not answer right now',
};

export const statusOfProblem = (code: PublicProblemCode): number => problem(code, '').status;

/** RFC 9457. Open, because an answer may say more of its case. */
export const problemSchema = z
  .looseObject({
    type: z.literal('about:blank'),
    code: z.enum(PROBLEM_CODES).describe('Stable: what a program decides by.'),
    status: z.int(),
    title: z.string(),
    detail: z.string().describe('For people: what is wrong, and what would be right.'),
    field: z.string().optional().describe('The parameter or member that is wrong.'),
    retryAfterMs: z.int().optional().describe('When to try again, of every 429 and 503.'),
    commandId: z.string().optional().describe('Of call control: the command that was refused or failed.'),
  })
  .meta({ id: 'Problem', description: 'Every answer from 400 on: problem details (RFC 9457).' });
