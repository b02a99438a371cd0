import { expect, test } from 'vitest';
import { formatMessage, parseMessage } from './tail-format.ts';

function lineOf(message: object): string | undefined {
  const parsed = parseMessage(JSON.stringify(message));
  return parsed && formatMessage(parsed);
}

test('a call event is one line with its time, name, parties and result', () => {
  const line = lineOf({
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
  });

  expect(line).toMatch(/^09:14:07\.201 {2}call\.ended +\+4930123456 Anna → 150 +inbound, answered$/);
});

test('a gap says how much is missing and why', () => {
  expect(lineOf({ type: 'gap', lost: 7, reason: 'retention' })).toContain('7 events missing: retention');
  expect(lineOf({ type: 'gap', lost: null, reason: 'pbx_disconnected' })).toContain('an unknown number of events');
});

test('the position to continue from is kept from every message that has one, also from silent ones', () => {
  expect(parseMessage('{"type":"position","channel":"calls","id":"e_0000000000000001"}')?.position).toBe(
    'e_0000000000000001',
  );
  expect(lineOf({ type: 'position', id: 'e_0000000000000001' })).toBeUndefined();
  expect(parseMessage('no json')).toBeUndefined();
});
