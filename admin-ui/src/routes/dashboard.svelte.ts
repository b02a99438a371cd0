import type { ConnectionsAnswer } from '@3cx-relay/shared/wire/admin/connections.ts';
import type { StatsAnswer } from '@3cx-relay/shared/wire/admin/stats.ts';
import type { AdminApi } from '../lib/api/admin-api.ts';
import { Loaded } from '../lib/api/loaded.svelte.ts';

const STATS_EVERY_MS = 2_000;
/** A cell of its bars is a quarter of an hour, a point of its lines a minute. */
const CONNECTIONS_EVERY_MS = 20_000;

/** What the dashboard reads beside the live data: the numbers every two seconds, the components when one has changed. */
export class Dashboard {
  readonly stats: Loaded<StatsAnswer>;
  readonly connections: Loaded<ConnectionsAnswer>;

  constructor(api: AdminApi) {
    this.stats = new Loaded(signal => api.get<StatsAnswer>('stats', {}, signal));
    this.connections = new Loaded(signal => api.get<ConnectionsAnswer>('connections', { history: 1 }, signal));
  }

  keepLoading(): () => void {
    const ends = [this.stats.keepLoading(STATS_EVERY_MS), this.connections.keepLoading(CONNECTIONS_EVERY_MS)];
    return () => {
      for (const end of ends) end();
    };
  }
}
