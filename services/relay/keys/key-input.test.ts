import { expect, test } from 'vitest';
import { type KeyOptions, parseNewKey, parseRevocation, parseRotation } from './key-input.ts';

const NOW = Date.parse('2026-03-02T09:00:00Z');
const parse = (options: object) =>
  parseNewKey({ clientName: ' CRM ', permissions: ['write', 'read', 'read'], createdBy: 'admin', options }, NOW);

test('what is given is kept, each value once, and what is left out restricts nothing', () => {
  expect(parse({})).toEqual({
    clientName: 'CRM',
    permissions: ['read', 'write'],
    createdBy: 'admin',
    restrictions: { expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null },
  });
  const options: KeyOptions = {
    expiresAt: new Date(NOW + 1),
    dns: ['102', '101', '102'],
    addresses: ['10.0.0.0/8', '::1'],
    limits: { maxConnections: 3, requestsPerSecond: 20 },
  };
  expect(parse(options).restrictions).toEqual({
    expiresAt: new Date(NOW + 1),
    dns: ['102', '101'],
    addresses: ['10.0.0.0/8', '::1'],
    maxConnections: 3,
    requestsPerSecond: 20,
  });
});

const EXPIRY = 'expiresAt must be a time in the future, or be left out for a key that does not expire';
const DN = 'must be the number of an extension, for example "101"';

test.each([
  [{ expiresAt: new Date(NOW) }, EXPIRY],
  [{ expiresAt: new Date('soon') }, EXPIRY],
  [{ expiresAt: '2027-01-01' }, EXPIRY],
  [{ dns: [] }, 'dns must hold at least one, or be left out'],
  [{ dns: '101' }, 'dns must be a list of extensions'],
  [{ dns: ['101', '1,2'] }, `dns.1 ${DN}`],
  [{ dns: [101] }, `dns.0 ${DN}`],
  [{ dns: Array.from({ length: 257 }, (_, n) => String(n)) }, 'dns must hold at most 256'],
  [{ addresses: [] }, 'addresses must hold at least one, or be left out'],
  [{ addresses: ['10.0.0.0/40'] }, 'addresses.0 must be an IP address or a CIDR range, for example 192.0.2.7'],
  [{ limits: { maxConnections: 0 } }, 'limits.maxConnections must be a whole number from 1 to 1000000'],
  [{ limits: { requestsPerSecond: 1.5 } }, 'limits.requestsPerSecond must be a whole number from 1 to 1000000'],
  [
    { limits: { requestsPerMinute: 1 } },
    'limits.requestsPerMinute is not known: use maxConnections, requestsPerSecond',
  ],
  [{ expires: new Date(NOW + 1) }, 'expires is not known: use expiresAt, dns, addresses, limits'],
])('%j is refused with the field and the rule', (options, message) => {
  expect(() => parse(options)).toThrow(expect.objectContaining({ code: 'API_KEY_INVALID' }));
  expect(() => parse(options)).toThrow(message);
});

test('a key is named by its id, an overlap is bounded, and somebody did it', () => {
  expect(() => parseRevocation({ keyId: 1.5, revokedBy: 'admin' })).toThrow('keyId must be the id of a key');
  expect(() => parseRevocation({ keyId: 2 ** 31, revokedBy: 'admin' })).toThrow('keyId must be the id of a key');
  expect(() => parseRevocation({ keyId: 1, revokedBy: ' ' })).toThrow('revokedBy must be 1 to 100 characters');
  const rotation = { keyId: 1, overlapMs: 0, rotatedBy: 'admin' };
  expect(parseRotation(rotation)).toEqual(rotation);
  for (const overlapMs of [-1, 0.5, 31 * 86_400_000, Number.NaN]) {
    expect(() => parseRotation({ ...rotation, overlapMs })).toThrow('overlapMs must be whole milliseconds from 0 to');
  }
});
