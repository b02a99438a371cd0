import { collectDefaultMetrics, Registry } from 'prom-client';

/** One registry per process, handed to the owners of metrics; labels come from closed sets. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
