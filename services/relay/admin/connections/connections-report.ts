import { COMPONENTS, RECONNECTABLE } from '@3cx-relay/shared/jobs/component-state.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { selectSamples } from '@3cx-relay/shared/store/connection-history.ts';
import { CONNECTIONS, type Connection, type ConnectionsAnswer } from '@3cx-relay/shared/wire/admin/connections.ts';
import type pg from 'pg';
import type { ComponentHealth, HealthReport } from '../../health.ts';
import { shareAnswer } from '../../share-answer.ts';
import { firstCellAt, KNOWN_FOR_MS, toDayCells, toLatency } from './day-cells.ts';

export interface ConnectionsDeps {
  readonly report: () => Promise<HealthReport>;
  readonly pool: pg.Pool;
  readonly now: () => number;
}

export interface ConnectionsReport {
  current(): Promise<ConnectionsAnswer>;
  /** With the last 24 hours. */
  withHistory(): Promise<ConnectionsAnswer>;
}

type History = Pick<Connection, 'day' | 'latency'>;

/** What ingest samples; of the rest there is only how it is now. */
const SAMPLED = COMPONENTS;
const STORE_WITHIN_MS = 1_500;
/** Cells of 15 minutes and points of a minute: thousands of rows are read for them. */
const HISTORY_VALID_MS = 10_000;

export function createConnectionsReport(deps: ConnectionsDeps): ConnectionsReport {
  const readHistory = shareAnswer(async () => {
    const now = deps.now();
    const samples = await selectSamples(deps.pool, SAMPLED, new Date(firstCellAt(now) - KNOWN_FOR_MS));
    const entries = SAMPLED.map((name): [string, History] => {
      const own = samples.get(name) ?? [];
      return [name, { day: toDayCells(own, now), latency: toLatency(own, now) }];
    });
    return new Map(entries);
  }, HISTORY_VALID_MS);

  async function current(): Promise<ConnectionsAnswer> {
    const { components } = await deps.report();
    const asOf = new Date(deps.now()).toISOString();
    return { asOf, components: CONNECTIONS.map(name => toConnection(name, components[name], asOf)), missing: [] };
  }

  return {
    current,
    async withHistory() {
      const history = within(STORE_WITHIN_MS, readHistory()).catch((error: unknown) => messageOf(error));
      const [answer, found] = await Promise.all([current(), history]);
      if (typeof found === 'string')
        return { ...answer, missing: [`the history: PostgreSQL does not answer (${found})`] };
      return { ...answer, components: answer.components.map(each => ({ ...each, ...found.get(each.component) })) };
    },
  };
}

/** What the report does not mention was never looked at, or nobody says how it is. */
function toConnection(
  component: Connection['component'],
  health: ComponentHealth | undefined,
  asOf: string,
): Connection {
  return {
    component,
    state: health?.state ?? 'unknown',
    latencyMs: health?.latencyMs ?? null,
    checkedAt: health ? textOf(health.checkedAt, asOf) : null,
    error: health ? (health.error ?? null) : 'nobody says how it is: is ingest running?',
    since: textOf(health?.since, null),
    isReconnectable: RECONNECTABLE.some(name => name === component),
  };
}

function textOf<Otherwise>(value: unknown, otherwise: Otherwise): string | Otherwise {
  return typeof value === 'string' ? value : otherwise;
}
