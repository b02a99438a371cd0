import { Gauge, type Registry } from 'prom-client';
import type { ReadinessCheck } from './internal-server.ts';

/** What /readyz says, for who looks at metrics only. */
export function createReadyMetric(registry: Registry, readiness: ReadinessCheck): void {
  new Gauge({
    name: 'relay_ready',
    help: '1 while the service is ready, 0 while /readyz says why it is not',
    registers: [registry],
    collect() {
      this.set(readiness().length === 0 ? 1 : 0);
    },
  });
}
