import { describe, expect, test } from 'vitest';
import type { GapMessage, HelloMessage, LogMessage } from '../wire/messages.ts';
import { ChannelCursor } from './channel-cursor.ts';

const at = (n: number, epoch = 'm5k2h7qa') => `${epoch}_${String(n).padStart(16, '0')}`;
const entry = (id: string) => ({ type: 'call_event', id }) as LogMessage;
const gap = (reason: GapMessage['reason'], before: string | null = null) =>
  ({ type: 'gap', channel: 'calls', after: at(9), before, lost: null, reason }) as GapMessage;
const position = (id: string | null) => ({ type: 'position', channel: 'calls', id }) as const;
const hello = (head: string | null) =>
  ({ type: 'hello', channels: { calls: { epoch: null, head, oldest: null } } }) as unknown as HelloMessage;
const cursor = (after: string, snapshot = false) => new ChannelCursor({ channel: 'calls', after, snapshot });

describe('a cursor', () => {
  test('takes each entry once, and asks for what follows the newest', () => {
    const calls = cursor(at(4));
    expect([4, 5, 5, 6, 5].map(n => calls.accept(entry(at(n))))).toEqual([false, true, false, true, false]);
    expect(calls.request()).toEqual({ after: at(6) });
  });

  test('goes on over an epoch change, where positions grow as text', () => {
    const calls = cursor(at(7));
    expect(calls.accept(entry(at(8, 'm9zzzzzz')))).toBe(true);
    expect(calls.accept(entry(at(8)))).toBe(false);
  });

  test('takes smaller positions once a gap has said that the log was rolled back', () => {
    const calls = cursor(at(9));
    expect(calls.accept(entry(at(5)))).toBe(false);
    expect(calls.accept(gap('log_rolled_back'))).toBe(true);
    expect(calls.accept(entry(at(5)))).toBe(true);
    expect(calls.request()).toEqual({ after: at(5) });
  });

  test('tells a gap of its own once, also when the connection breaks before anything follows', () => {
    const calls = cursor(at(1));
    expect(
      [gap('retention', at(5)), gap('retention', at(5)), gap('retention', at(6))].map(it => calls.accept(it)),
    ).toEqual([true, false, true]);
    expect(calls.accept(entry(at(6)))).toBe(true);
    expect(calls.accept(gap('retention', at(6)))).toBe(true);
  });

  test('pins "now" to the head of the greeting, so that nothing after it can be missed', () => {
    const calls = cursor('now');
    expect(calls.pin(hello(at(3)))).toBe(at(3));
    expect(calls.request()).toEqual({ after: at(3) });
    expect(calls.pin(hello(at(8)))).toBeNull();
    expect(calls.request()).toEqual({ after: at(3) });
  });

  test('takes "now" for the start where nothing was ever written', () => {
    const calls = cursor('now');
    expect(calls.pin(hello(null))).toBeNull();
    expect(calls.request()).toEqual({ after: 'start' });
  });

  test('asks for a snapshot until it has one', () => {
    const calls = cursor('now', true);
    calls.pin(hello(at(3)));
    expect(calls.request()).toEqual({ snapshot: true });
    calls.accept({ type: 'snapshot', channel: 'calls', id: at(4), calls: [] });
    expect(calls.request()).toEqual({ after: at(4) });
  });

  test('moves with positions, and never back', () => {
    const calls = cursor(at(4));
    expect([position(at(6)), position(at(5)), position(null)].map(it => calls.accept(it))).toEqual([true, false, true]);
    expect(calls.request()).toEqual({ after: at(6) });
  });
});
