import { expect, test } from 'vitest';
import { parseTailArguments } from './tail-arguments.ts';

test('lists may be joined by commas or repeated', () => {
  const parsed = parseTailArguments([
    '--dn',
    '101,102',
    '--dn',
    '103',
    '--event',
    'call.ended',
    '--channel',
    'calls,health',
  ]);
  expect(parsed).toMatchObject({
    after: 'now',
    channels: ['calls', 'health'],
    filters: { dn: ['101', '102', '103'], event: ['call.ended'] },
  });
});

test('--from-start is --after start', () => {
  expect(parseTailArguments(['--from-start']).after).toBe('start');
});

test.each([
  [['--channel', 'cals'], '"cals" is none of calls, health'],
  [['--dn', '101,,102'], '--dn: has an empty value'],
  [['--key', 'secret'], "Unknown option '--key'"],
  [['101'], 'Unexpected argument'],
  [['--from-start', '--after', 'now'], 'contradict'],
])('%j is refused and says why', (args, reason) => {
  expect(() => parseTailArguments(args)).toThrow(reason);
});
