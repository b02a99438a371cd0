import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import { expect, test } from 'vitest';
import { formatItem } from './tail-format.ts';

/** As it comes over the wire, where a call of an older or newer relay may lack fields. */
const lineOf = (message: object) => formatItem(message as RelayItem);

const ended = {
  type: 'call_event',
  id: 'm5k2h7qa_0000000000001042',
  at: '2026-03-02T09:14:07.201Z',
  event: 'call.ended',
  call: {
    direction: 'inbound',
    disposition: 'answered',
    caller: { number: '+4930123456', name: 'Anna', dn: null },
    callee: { number: null, name: null, dn: '150' },
  },
};

test('a call event is one line with its time, name, parties and result', () => {
  expect(lineOf(ended)).toMatch(/^09:14:07\.201 {2}call\.ended +\+4930123456 Anna → 150 +inbound, answered$/);
});

test('a gap says how much is missing and why', () => {
  expect(lineOf({ type: 'gap', lost: 7, reason: 'retention' })).toContain('7 events missing: retention');
  expect(lineOf({ type: 'gap', lost: null, reason: 'pbx_disconnected' })).toContain('an unknown number of events');
});

test('a caller cannot steer the terminal with its name', () => {
  const call = { ...ended.call, caller: { number: '1', name: 'A\u001b]0;x\u0007\u009b2J\nB', dn: null } };

  const line = lineOf({ ...ended, call });

  expect(line).toContain('1 A·]0;x··2J·B → 150');
});

test.each([
  [
    {
      type: 'health',
      event: 'health.state_change',
      data: { component: 'xapi', state: 'down', latencyMs: null, error: '401' },
    },
    'xapi down 401',
  ],
  [
    { type: 'error_event', event: 'error.error', data: { component: 'relay', message: 'a request failed' } },
    'relay: a request failed',
  ],
  [
    { type: 'audit', data: { action: 'call.make', actor: { name: 'crm' }, target: '101', outcome: 'done' } },
    'call.make +101 done by crm',
  ],
  [{ type: 'request', data: { method: 'GET', endpoint: '/relay/events', status: 200 } }, 'GET /relay/events 200'],
])('every channel has its line: %#', (message, line) => {
  expect(lineOf({ at: '2026-03-02T09:14:07.201Z', ...message })).toMatch(new RegExp(line.replaceAll('/', '\\/')));
});
