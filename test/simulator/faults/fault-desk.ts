import type { Clock } from '../pbx/clock.ts';

export const REST_FAULTS = ['http-error', 'slow', 'not-found'] as const;
type RestFaultKind = (typeof REST_FAULTS)[number];
export type RuleKind = RestFaultKind | 'reject-upgrade' | 'refuse-upgrade' | 'hang-upgrade';

/** A fault that lasts: over when its count is used up or its time has come, whichever is first. */
export type FaultRule = {
  kind: RuleKind;
  path: string;
  status: number;
  delayMs: number;
  count: number | null;
  untilMs: number | null;
};

type RuleOrder = Partial<FaultRule> & { kind: RuleKind; spanMs?: number };

/** Faults in force, asked by the HTTP face before it answers. */
export class FaultDesk {
  readonly #clock: Clock;
  #rules: FaultRule[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(order: RuleOrder): FaultRule {
    const rule: FaultRule = {
      kind: order.kind,
      path: order.path ?? '/',
      status: order.status ?? 500,
      delayMs: order.delayMs ?? 0,
      count: order.count ?? null,
      untilMs: order.spanMs === undefined ? null : this.#clock.monotonicMs() + order.spanMs,
    };
    this.#rules.push(rule);
    return rule;
  }

  /** The oldest matching fault, used up by one. Slow and failing may hold together: ask once per kind. */
  take(kinds: readonly RuleKind[], path: string): FaultRule | null {
    const rule = this.active().find(each => kinds.includes(each.kind) && path.startsWith(each.path));
    if (!rule) return null;
    if (rule.count !== null) rule.count--;
    return rule;
  }

  active(): FaultRule[] {
    // Almost always empty, and asked on every request of a burst.
    if (this.#rules.length === 0) return this.#rules;
    const now = this.#clock.monotonicMs();
    this.#rules = this.#rules.filter(rule => (rule.count ?? 1) > 0 && (rule.untilMs ?? now + 1) > now);
    return this.#rules;
  }

  clear(): void {
    this.#rules = [];
  }
}
