import { expect, test } from 'vitest';
import { toNumberKey } from '../number-key.ts';
import { type IndexedEntry, type TermKind, termsOf } from './terms.ts';

const entry = (more: Partial<IndexedEntry>): IndexedEntry => ({
  channel: 'calls',
  dn: null,
  event: null,
  body: '{}',
  ...more,
});
const values = (kind: TermKind, more: Partial<IndexedEntry>) => [...(termsOf(entry(more)).get(kind) ?? [])];

test.each([
  ['+49 30 123-456', '4930123456'],
  ['0049 (30) 123456', '4930123456'],
  ['4930123456', '4930123456'],
  ['030 123456', '030123456'],
  ['*98', '98'],
  ['anonymous', ''],
  ['00', ''],
])('the number %s is found as %s', (written, found) => {
  expect(toNumberKey(written)).toBe(found);
});

test('an entry is found under each part of its lists, once', () => {
  expect(values('dn', { dn: '101,102,,101' })).toEqual(['101', '102']);
  expect(values('event', { event: 'call.started,call.ringing' })).toEqual(['call.started', 'call.ringing']);
});

test('a call is found under its numbers, and under those of the other calls that its entry changed', () => {
  const party = (number: unknown) => ({ number, name: null, dn: null });
  const body = JSON.stringify({
    call: { caller: party('+49 30 1'), callee: party('101'), did: '0049302' },
    otherCalls: [{ caller: party('+41 3'), callee: party(null), did: null }, 'odd'],
  });
  expect(values('number', { body })).toEqual(['49301', '101', '49302', '413']);
});

test('a request is found under its API key, and so is what a key did', () => {
  expect(values('key', { channel: 'requests', body: '{"data":{"keyId":7}}' })).toEqual(['7']);
  expect(values('key', { channel: 'requests', body: '{"data":{"keyId":null}}' })).toEqual([]);
  expect(values('key', { channel: 'audit', body: '{"data":{"actor":{"kind":"api_key","id":"7"}}}' })).toEqual(['7']);
  expect(values('key', { channel: 'audit', body: '{"data":{"actor":{"kind":"user","id":"7"}}}' })).toEqual([]);
});

test('a sample and an error are found under their component', () => {
  for (const channel of ['health', 'errors'] as const) {
    expect(values('component', { channel, body: '{"data":{"component":"xapi"}}' })).toEqual(['xapi']);
  }
});

test.each(['not JSON', '[]', 'null', '"text"', '{"call":7,"otherCalls":{}}', '{"call":{"caller":null,"did":5}}'])(
  'the body %s adds nothing to the attributes of its entry',
  body => {
    expect([...termsOf(entry({ dn: '101', body })).keys()]).toEqual(['dn']);
  },
);

test('a body beyond the limit is not read, and a value that PostgreSQL would not keep as it is finds nothing', () => {
  const long = JSON.stringify({ data: { component: 'xapi', message: 'x'.repeat(33_000) } });
  expect(values('component', { channel: 'errors', body: long })).toEqual([]);
  const component = (text: string) =>
    values('component', { channel: 'errors', body: `{"data":{"component":${text}}}` });
  expect(component('"nul \\u0000"')).toEqual([]);
  expect(component('"half \\ud800"')).toEqual([]);
  expect(component(`"${'x'.repeat(201)}"`)).toEqual([]);
});
