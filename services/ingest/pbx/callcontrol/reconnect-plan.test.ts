import { describe, expect, test } from 'vitest';
import { createReconnectPlan } from './reconnect-plan.ts';

const options = { auth: 'auto' as const, quickMs: 1_000, firstMs: 5_000, maxMs: 30_000, random: () => 1 };

describe('after a loss', () => {
  test('of a healthy connection the first attempt is quick, the following ones grow to 30 s', () => {
    const plan = createReconnectPlan(options);
    expect(plan.afterLoss(60_000)).toBe(1_000);
    expect([1, 2, 3, 4, 5].map(() => plan.afterFailure())).toEqual([5_000, 10_000, 20_000, 30_000, 30_000]);
    expect(plan.afterLoss(60_000)).toBe(1_000);
  });

  test('of a connection that the server threw out at once there is no quick attempt', () => {
    const plan = createReconnectPlan(options);
    expect([plan.afterLoss(100), plan.afterLoss(100)]).toEqual([5_000, 10_000]);
  });
});

describe('after a refusal', () => {
  test('with 401 a fresh token is tried quickly, then Basic, then Bearer again', () => {
    const plan = createReconnectPlan(options);
    expect([plan.afterRefusal(401), plan.scheme]).toEqual([1_000, 'bearer']);
    expect([plan.afterRefusal(401), plan.scheme]).toEqual([5_000, 'basic']);
    expect([plan.afterRefusal(401), plan.scheme]).toEqual([10_000, 'bearer']);
  });

  test('a scheme that has worked is kept over some refusals, and left when they go on', () => {
    const plan = createReconnectPlan(options);
    plan.succeeded();
    const schemes = Array.from({ length: 8 }, () => {
      plan.afterRefusal(401);
      return plan.scheme;
    });
    expect(schemes).toEqual([...Array.from({ length: 7 }, () => 'bearer'), 'basic']);
    plan.succeeded();
    plan.afterRefusal(401);
    expect(plan.scheme).toBe('basic');
  });

  test('a scheme that is told is never changed', () => {
    const plan = createReconnectPlan({ ...options, auth: 'bearer' });
    for (let i = 0; i < 5; i += 1) plan.afterRefusal(401);
    expect(plan.scheme).toBe('bearer');
    expect(createReconnectPlan({ ...options, auth: 'basic' }).scheme).toBe('basic');
  });

  test('with another status than 401 the token is not the reason', () => {
    const plan = createReconnectPlan(options);
    expect([plan.afterRefusal(503), plan.afterRefusal(403), plan.scheme]).toEqual([5_000, 10_000, 'bearer']);
  });
});
