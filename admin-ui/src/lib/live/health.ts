import { field, number, text } from './messages.ts';

/** What `GET /relay/health` says, as far as it is shown. */
export type ComponentName =
  | 'pbx'
  | 'websocket'
  | 'xapi'
  | 'database'
  | 'ingest'
  | 'redis'
  | 'log'
  | 'postgres'
  | 'persist';

/** `absent`: not configured here, and nothing is wrong with that. `unknown`: this version does not know the word. */
export type ComponentState = 'up' | 'degraded' | 'down' | 'absent' | 'unknown';

export type Component = {
  readonly name: ComponentName;
  readonly state: ComponentState;
  readonly latencyMs: number | null;
  readonly error: string | null;
};

export type Health = {
  readonly status: 'ok' | 'degraded' | 'down';
  readonly version: string | null;
  readonly clients: number | null;
  readonly components: readonly Component[];
};

/** In the order in which an event passes through them, behind the phone system its parts. */
export const COMPONENTS: readonly ComponentName[] = [
  'pbx',
  'websocket',
  'xapi',
  'database',
  'ingest',
  'redis',
  'log',
  'postgres',
  'persist',
];

/** Not there until ingest has looked at them, or while it says nothing: a card without a state would only alarm. */
const OPTIONAL: ReadonlySet<ComponentName> = new Set(['websocket', 'xapi', 'database', 'persist']);

const STATES: ReadonlySet<unknown> = new Set(['up', 'degraded', 'down', 'absent']);

/** Null for a document that no relay wrote: something else answers at its address. */
export function decodeHealth(raw: unknown): Health | null {
  const status = field(raw, 'status');
  if (status !== 'ok' && status !== 'degraded' && status !== 'down') return null;
  const components = field(raw, 'components');
  return {
    status,
    version: text(field(raw, 'version')),
    clients: number(field(raw, 'clients')),
    components: COMPONENTS.filter(name => !OPTIONAL.has(name) || field(components, name) !== undefined).map(name =>
      decodeComponent(name, field(components, name)),
    ),
  };
}

/** What somebody should look after; one that is not configured is none of these. */
export function troubled({ components }: Health): Component[] {
  return components.filter(({ state }) => state !== 'up' && state !== 'absent');
}

function decodeComponent(name: ComponentName, raw: unknown): Component {
  const state = field(raw, 'state');
  return {
    name,
    state: STATES.has(state) ? (state as ComponentState) : 'unknown',
    latencyMs: number(field(raw, 'latencyMs')),
    error: text(field(raw, 'error')),
  };
}
