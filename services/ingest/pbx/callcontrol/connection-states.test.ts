import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConnectionInput, type ConnectionState, nextConnectionState } from './connection-states.ts';

const INPUTS: readonly ConnectionInput[] = [
  'start',
  'authorized',
  'not-authorized',
  'heard',
  'refused',
  'lost',
  'waited',
  'hold',
  'release',
  'stop',
];

function play(inputs: readonly ConnectionInput[]) {
  let state: ConnectionState = 'idle';
  return inputs.map(input => {
    const { to, action } = nextConnectionState(state, input);
    const from = state;
    state = to;
    return { from, input, to, action };
  });
}

describe('the connection', () => {
  test('that breaks waits, asks for a token and dials again', () => {
    const steps = play(['start', 'authorized', 'heard', 'lost', 'waited', 'authorized', 'refused', 'waited']);
    expect(steps.map(step => step.action)).toEqual([
      'authorize',
      'dial',
      'announce',
      'wait',
      'authorize',
      'dial',
      'wait',
      'authorize',
    ]);
  });

  test('that is held is dialled only after its release, whatever arrives late', () => {
    const steps = play(['start', 'hold', 'authorized', 'heard', 'lost', 'waited', 'release']);
    expect(steps.map(step => step.action)).toEqual(['authorize', 'close', 'none', 'none', 'none', 'none', 'authorize']);
  });

  test('never acts after its stop, is never lost without a plan to return, and never dials twice at once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...INPUTS), { maxLength: 40 }), inputs => {
        const steps = play(inputs);
        const stoppedAt = steps.findIndex(step => step.to === 'stopped');
        if (stoppedAt >= 0) expect(steps.slice(stoppedAt + 1).every(step => step.action === 'none')).toBe(true);
        for (const { from, to, action } of steps) {
          if (action === 'dial') expect([from, to]).toEqual(['authorizing', 'dialing']);
          if (action === 'none') expect(to).toBe(from);
          if (to === 'waiting' && from !== 'waiting') expect(action).toBe('wait');
        }
      }),
    );
  });
});
