import { expect, test } from 'vitest';
import { selectSubprotocol } from './subprotocol.ts';

test('the first subprotocol offered that is spoken is selected, never a ticket beside it', () => {
  expect(selectSubprotocol(['ticket.a', 'relay.v1.ndjson', 'relay.v1'])).toBe('relay.v1.ndjson');
  expect(selectSubprotocol(['relay.v2', 'relay.v1'])).toBe('relay.v1');
});

test('one who offers nothing but a ticket gets it back', () => {
  expect(selectSubprotocol(['ticket.a'])).toBe('ticket.a');
  expect(selectSubprotocol(['relay.v2', 'ticket.a'])).toBe('ticket.a');
});

test('nothing is selected of what is not spoken', () => {
  expect(selectSubprotocol([])).toBe(false);
  expect(selectSubprotocol(['relay.v2'])).toBe(false);
});
