import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createAddressList } from '../keys/address-list.ts';
import { clientAddress, markProxy } from './client-address.ts';
import { trustedProxies } from './trusted-proxies.ts';

function requestFrom(remoteAddress: string, proxies: readonly string[] = []): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
  markProxy(socket, createAddressList(proxies));
  return { socket, headers: { 'x-real-ip': '203.0.113.9' } } as unknown as IncomingMessage;
}

it.each([
  ['127.0.0.1', [], '203.0.113.9'],
  ['::1', [], '203.0.113.9'],
  ['10.0.0.5', [], '10.0.0.5'],
  ['10.0.0.5', ['10.0.0.0/24'], '203.0.113.9'],
  ['::ffff:10.0.0.5', ['10.0.0.5'], '203.0.113.9'],
  ['10.0.1.5', ['10.0.0.0/24'], '10.0.1.5'],
])('what %s says of a client, with %j trusted, makes it %s', (remote, proxies, address) => {
  expect(clientAddress(requestFrom(remote, proxies))).toBe(address);
});

it('proxies are addresses or ranges, and never everybody', () => {
  expect(trustedProxies.safeParse('10.0.0.5, 2001:db8::/32').success).toBe(true);
  expect(trustedProxies.safeParse('proxy.example.com').success).toBe(false);
  expect(trustedProxies.safeParse('0.0.0.0/0').success).toBe(false);
});
