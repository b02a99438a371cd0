import { Gauge, type Registry } from 'prom-client';

export interface AuditMetrics {
  /** What a comparison with the anchors came to. */
  anchored<Outcome extends string>(outcome: Outcome): Outcome;
  /** What a proof of the whole chain came to. */
  proved<Outcome extends string>(outcome: Outcome): Outcome;
}

export function createAuditMetrics(registry: Registry): AuditMetrics {
  const broken = new Gauge({
    name: 'relay_audit_broken',
    help: '1 when the last look at the audit found it changed: by the daily anchor, or by a proof that somebody asked for',
    labelNames: ['by'],
    registers: [registry],
  });
  broken.set({ by: 'anchor' }, 0);
  broken.set({ by: 'proof' }, 0);
  return {
    anchored(outcome) {
      broken.set({ by: 'anchor' }, outcome === 'disagrees' ? 1 : 0);
      return outcome;
    },
    proved(outcome) {
      if (outcome !== 'unchecked') broken.set({ by: 'proof' }, outcome === 'broken' ? 1 : 0);
      return outcome;
    },
  };
}
