import { expect, test } from 'vitest';
import { createMask } from './mask.ts';

const mask = createMask({ secrets: ['hunter2hunter2'], names: ['Ada Lovelace', 'pbx.example.com'] });

test.each([
  'ringing +49 30 1234567 now',
  'from (030) 123-4567',
  'dialled 00442079460123.',
  'number=442079460123',
  '"+442079460123"',
  'tel442079460123x',
  '0049-30-12 34567',
  '030-2026-11-29',
  '2026-13-01 4567',
])('a telephone number goes: %s', text => {
  expect(mask.text(text)).not.toMatch(/\d{3}/);
  expect(mask.text(text)).toContain('[number]');
});

test('times, extensions, loopback and versions stay', () => {
  const text = '2026-11-29T01:13:38.123Z extension 101 at 127.0.0.1:8082 and [::1], Node v24.21.0';
  expect(mask.text(text)).toBe(text);
});

test('what is known to be a secret or a name goes wherever it stands', () => {
  expect(mask.text('it says: hunter2hunter2, ADA LOVELACE at https://pbx.example.com/x')).toBe(
    'it says: [secret], [name] at https://[name]/x',
  );
});

test('addresses and mail go', () => {
  expect(mask.text('192.0.2.7 2001:db8::7 ada@example.org')).toBe('[address] [address] [mail]');
});

test('in JSON names go by their field, and long numbers unless they measure something', () => {
  const line = {
    name: 'ingest',
    time: '2026-11-29T01:13:38.123Z',
    caller: 'Bob',
    callid: 442079460123,
    bytes: 1_073_741_824,
  };
  expect(JSON.parse(mask.line(JSON.stringify(line)))).toEqual({ ...line, caller: '[name]', callid: '[number]' });
});

test('of metrics the values stay', () => {
  const text = 'relay_bytes{service="relay",client="+49301234567"} 1073741824';
  expect(mask.metrics(text)).toBe('relay_bytes{service="relay",client="[number]"} 1073741824');
});
