import { z } from 'zod';

/** What the panel shows as cards; the first three can be told to reconnect. */
export const CONNECTIONS = [
  'database',
  'xapi',
  'websocket',
  'redis',
  'postgres',
  'log',
  'persist',
  'ingest',
  'event_loop',
  'pbx',
] as const;

/** `absent`: not configured, and nothing is wrong with that. `unknown`: nobody says anything of it. */
export const CONNECTION_STATES = ['up', 'degraded', 'down', 'absent', 'unknown'] as const;

export const connectionState = z.enum(CONNECTION_STATES);

export type ConnectionState = z.infer<typeof connectionState>;

/** Seconds of a quarter of an hour in each state; together they are what of it has passed. */
export const dayCell = z.object({
  from: z.iso.datetime(),
  up: z.number(),
  degraded: z.number(),
  down: z.number(),
  absent: z.number(),
  unknown: z.number(),
});

export type DayCell = z.infer<typeof dayCell>;

export const latencyPoint = z.object({ at: z.iso.datetime(), ms: z.number().nullable() });

export type LatencyPoint = z.infer<typeof latencyPoint>;

export const connection = z.object({
  component: z.enum(CONNECTIONS),
  state: connectionState,
  latencyMs: z.number().nullable(),
  checkedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
  since: z.iso.datetime().nullable(),
  isReconnectable: z.boolean(),
  /** With `history=1`, of what is sampled: the last 24 hours in cells of 15 minutes, and the last hour by minute. */
  day: z.array(dayCell).optional(),
  latency: z.array(latencyPoint).optional(),
});

export type Connection = z.infer<typeof connection>;

/** `GET /admin/connections`. `missing`: why the history is not there, as sentences. */
export const connectionsAnswer = z.object({
  asOf: z.iso.datetime(),
  components: z.array(connection),
  missing: z.array(z.string()),
});

export type ConnectionsAnswer = z.infer<typeof connectionsAnswer>;

export const connectionChange = z.object({
  at: z.iso.datetime(),
  state: connectionState,
  latencyMs: z.number().nullable(),
  error: z.string().nullable(),
});

export type ConnectionChange = z.infer<typeof connectionChange>;

/** A time in which a component was not up; moments in which it was, shorter than a minute, do not end it. */
export const incident = z.object({
  id: z.string(),
  from: z.iso.datetime(),
  /** Null: it goes on. */
  to: z.iso.datetime().nullable(),
  /** The worst it came to. */
  state: connectionState,
  /** Of the first cause that gave one. */
  error: z.string().nullable(),
  /** Until now, when it goes on. */
  durationMs: z.number(),
  /** It had begun before the time that was asked for. */
  beganBefore: z.boolean(),
  causes: z.array(connectionChange.pick({ at: true, state: true, error: true })),
});

export type Incident = z.infer<typeof incident>;

/** `GET /admin/connections/:component/history`, both newest first. */
export const connectionHistory = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  changes: z.array(connectionChange),
  incidents: z.array(incident),
  /** `before` of the next page of changes; null when this is the last. */
  next: z.string().nullable(),
  /** Why older changes and incidents are missing, as a sentence. */
  incomplete: z.string().nullable(),
});

export type ConnectionHistory = z.infer<typeof connectionHistory>;

/** `POST /admin/connections/:component/reconnect`: what it really came to. */
export const reconnectAnswer = z.object({
  component: z.enum(CONNECTIONS),
  outcome: z.enum(['done', 'failed']),
  state: connectionState,
  latencyMs: z.number().nullable(),
  error: z.string().nullable(),
  tookMs: z.number(),
});

export type ReconnectAnswer = z.infer<typeof reconnectAnswer>;
