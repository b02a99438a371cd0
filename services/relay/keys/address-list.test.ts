import { expect, test } from 'vitest';
import { createAddressList, isAddressRange } from './address-list.ts';

const list = createAddressList(['192.0.2.7', '10.1.2.3/8', '2001:db8::/33', 'fe80::1']);

test.each(['192.0.2.7', '10.0.0.0', '10.255.255.255', '2001:db8::1', '2001:DB8:7fff::1', 'fe80::1', 'fe80::1%eth0'])(
  '%s is in the list',
  address => expect(list.includes(address)).toBe(true),
);

test.each(['::ffff:192.0.2.7', '::ffff:c000:207', '::ffff:10.9.9.9'])(
  'an IPv4 address in IPv6 clothes is what it is: %s',
  address => expect(list.includes(address)).toBe(true),
);

test.each(['192.0.2.8', '11.0.0.1', '2001:db8:8000::1', '::1', '::ffff:192.0.2.8', '', 'localhost', '10.0.0.1/8'])(
  '%s is not in the list',
  address => expect(list.includes(address)).toBe(false),
);

test('a range of IPv4 written in IPv6 admits the IPv4 addresses in it', () => {
  const mapped = createAddressList(['::ffff:10.0.0.0/104']);
  expect(mapped.includes('10.9.9.9')).toBe(true);
  expect(mapped.includes('11.0.0.1')).toBe(false);
});

test.each([
  '10.0.0.0/33',
  '2001:db8::/129',
  '10.0.0',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  ' 10.0.0.1',
  'fe80::1%eth0',
  'host',
  '',
])('%j is neither an address nor a range', text => {
  expect(isAddressRange(text)).toBe(false);
  expect(() => createAddressList([text])).toThrow(RangeError);
});
