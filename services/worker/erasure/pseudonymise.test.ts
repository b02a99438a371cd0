import { expect, test } from 'vitest';
import { pseudonymise } from './pseudonymise.ts';

const pseudonym = {
  isNumber: (text: string) =>
    /^\+?[\d ()./-]+$/.test(text) && text.replace(/\D/g, '').replace(/^00/, '') === '49301234567',
  alias: 'erased-kqzx',
};

test('number and name of a party go, what is beside them stays', () => {
  const call = {
    callId: 'm5k2h7qa-000f41',
    caller: { number: '+49 30 1234567', name: 'Ada Lovelace', dn: null },
    callee: { number: '150', name: 'Reception', dn: '150' },
    legs: [{ dn: '150', party: '0049301234567' }],
  };
  const participant = { id: 7, party_caller_id: '+49301234567', party_caller_name: 'Ada', dn: '150' };
  expect(JSON.parse(pseudonymise(JSON.stringify({ call, participant }), pseudonym) ?? '')).toEqual({
    call: {
      ...call,
      caller: { number: 'erased-kqzx', name: 'erased-kqzx', dn: null },
      legs: [{ dn: '150', party: 'erased-kqzx' }],
    },
    participant: { ...participant, party_caller_id: 'erased-kqzx', party_caller_name: 'erased-kqzx' },
  });
});

test('inside a sentence the number goes and the sentence stays', () => {
  const json = JSON.stringify({
    message: 'call to +49 30 1234567 failed (503), 150 was free',
    at: '2026-03-02T09:14:07.201Z',
  });
  expect(JSON.parse(pseudonymise(json, pseudonym) ?? '')).toEqual({
    message: 'call to erased-kqzx failed (503), 150 was free',
    at: '2026-03-02T09:14:07.201Z',
  });
});

test('what is about somebody else, or is no JSON, is left alone', () => {
  expect(pseudonymise('{"caller":{"number":"+49301234568","name":"Bob"},"n":49301234567}', pseudonym)).toBeNull();
  expect(pseudonymise('{"caller":', pseudonym)).toBeNull();
});

test('numbers keep every digit', () => {
  expect(pseudonymise('{"big":12345678901234567890.10,"to":"+49301234567"}', pseudonym)).toBe(
    '{"big":12345678901234567890.10,"to":"erased-kqzx"}',
  );
});
