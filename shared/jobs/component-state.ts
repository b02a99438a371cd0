import { z } from 'zod';

/**
 * How a connection or a resource is, as the monitor in ingest samples it. `absent`: not configured here, for example no
 * PBX database on this host; nobody has to be woken for it.
 */
export const COMPONENT_STATES = ['up', 'degraded', 'down', 'absent'] as const;

export type ComponentState = (typeof COMPONENT_STATES)[number];

/** Those that can be told to reconnect. */
export const RECONNECTABLE = ['database', 'xapi', 'websocket'] as const;

export type Reconnectable = (typeof RECONNECTABLE)[number];

export const COMPONENTS = [...RECONNECTABLE, 'redis', 'postgres', 'event_loop'] as const;

export type Component = (typeof COMPONENTS)[number];

export const componentSample = z.strictObject({
  component: z.enum(COMPONENTS),
  state: z.enum(COMPONENT_STATES),
  /** Of `event_loop`: the 99th percentile of its delay since the last sample. */
  latencyMs: z.number().nullable(),
  error: z.string().nullable(),
  /** ISO 8601: since when it is in this state. */
  since: z.string(),
  /** ISO 8601. */
  checkedAt: z.string(),
});

export type ComponentSample = z.infer<typeof componentSample>;

/** What a reconnect really came to, after the component was asked again. */
export const reconnectResult = z.strictObject({
  component: z.enum(RECONNECTABLE),
  ok: z.boolean(),
  state: z.enum(COMPONENT_STATES),
  latencyMs: z.number().nullable(),
  error: z.string().nullable(),
});

export type ReconnectResult = z.infer<typeof reconnectResult>;
