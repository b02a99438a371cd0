import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { allowedOrigins, createOrigins } from './origins.ts';

const origins = createOrigins(['https://crm.example.com', 'http://localhost:5173']);

/** As it comes from a proxy on this host. */
function from(origin: string | undefined, headers: Record<string, string> = {}): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: '127.0.0.1' });
  return Object.assign(new IncomingMessage(socket), {
    headers: { host: 'relay.example.com', ...headers, ...(origin === undefined ? {} : { origin }) },
  });
}

test('pages of a named origin and of the own host may connect, and what is no page', () => {
  expect(origins.allows(from('https://crm.example.com'))).toBe(true);
  expect(origins.allows(from('http://localhost:5173'))).toBe(true);
  expect(origins.allows(from('https://relay.example.com'))).toBe(true);
  expect(origins.allows(from(undefined))).toBe(true);
});

test('an origin that only looks like one that is named may not', () => {
  const others = [
    'http://crm.example.com',
    'https://crm.example.com:8443',
    'https://crm.example.com.evil.example',
    'https://relay.example.com.evil.example',
    'https://evil.example/relay.example.com',
    'null',
    '',
  ];
  for (const origin of others) expect(origins.allows(from(origin)), origin).toBe(false);
});

test('a page that came without TLS is another origin than the relay behind TLS', () => {
  const tls = { 'x-forwarded-proto': 'https' };
  expect(origins.allows(from('https://relay.example.com', tls))).toBe(true);
  expect(origins.allows(from('http://relay.example.com', tls))).toBe(false);
});

test('the setting takes origins and nothing else', () => {
  expect(allowedOrigins.parse(undefined)).toEqual([]);
  expect(allowedOrigins.parse(' https://a.example , http://localhost:5173,')).toEqual([
    'https://a.example',
    'http://localhost:5173',
  ]);
  for (const wrong of ['*', 'a.example', 'https://a.example/', 'https://A.example', 'ftp://a.example', 'https://*.a']) {
    expect(allowedOrigins.safeParse(wrong).success, wrong).toBe(false);
  }
});
