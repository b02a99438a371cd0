import { beforeEach, describe, expect, test } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.ts';

let now: number;
let circuit: CircuitBreaker;

beforeEach(() => {
  now = 1_000;
  circuit = new CircuitBreaker({ failures: 3, openMs: 500 }, () => now);
});

const fail = (times: number) => {
  for (let i = 0; i < times; i += 1) {
    expect(circuit.admit()).toBe(true);
    circuit.failed(`failure ${i}`);
  }
};

describe('the circuit', () => {
  test('opens after so many failures in a row, and tells the last one', () => {
    fail(2);
    circuit.succeeded();
    fail(2);
    expect(circuit.state).toBe('closed');
    fail(1);
    expect([circuit.state, circuit.admit(), circuit.waitMs]).toEqual(['open', false, 500]);
    expect(circuit.reason).toBe('failure 0');
  });

  test('lets one caller through after its wait, and closes on its success', () => {
    fail(3);
    now += 500;
    expect([circuit.state, circuit.admit(), circuit.admit()]).toEqual(['half-open', true, false]);
    circuit.succeeded();
    expect([circuit.state, circuit.admit()]).toEqual(['closed', true]);
  });

  test('waits again when that caller fails, and lets the next through when it went away', () => {
    fail(3);
    now += 500;
    expect(circuit.admit()).toBe(true);
    circuit.failed('still dead');
    expect([circuit.state, circuit.waitMs]).toEqual(['open', 500]);
    now += 500;
    expect(circuit.admit()).toBe(true);
    circuit.abandoned();
    expect(circuit.admit()).toBe(true);
  });

  test('is tried at once when an operator asks', () => {
    fail(3);
    circuit.retryNow();
    expect(circuit.admit()).toBe(true);
  });
});
