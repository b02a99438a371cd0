import { expect, test } from 'vitest';
import { maskNumbers, maskText } from './mask-numbers.ts';

test('of a telephone number the last two digits are left, however it is written', () => {
  expect(maskText('+49 (30) 123-4567 is busy')).toBe('•••67 is busy');
  expect(maskText('call 0301234567')).toBe('call •••67');
});

test('extensions and small numbers stay', () => {
  expect(maskText('DN 1001 answered 404 after 30 s')).toBe('DN 1001 answered 404 after 30 s');
});

test('numbers are masked wherever they stand, and what names a job stays', () => {
  const data = { commandId: 'c123456789', dn: '101', destination: '0301234567', attachedData: { to: ['0301234599'] } };
  expect(maskNumbers(data)).toEqual({
    ...{ commandId: 'c123456789', dn: '101', destination: '•••67', attachedData: { to: ['•••99'] } },
  });
});
