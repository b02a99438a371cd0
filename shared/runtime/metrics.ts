import { collectDefaultMetrics, Registry } from 'prom-client';

/** One registry per process, handed to the owners of metrics; labels come from closed sets. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  return registry;
}

/**
 * Memory, processor and event loop of this process. Once in its life: the timer that watches the event loop cannot be
 * stopped.
 */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}
