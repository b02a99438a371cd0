import type { ConnectionChangeRow } from '@3cx-relay/shared/store/connection-history.ts';
import type { ConnectionState, Incident } from '@3cx-relay/shared/wire/admin/connections.ts';
import { toConnectionState } from './day-cells.ts';

/** Up for less than this is no end: a connection that comes and goes is one incident. */
const JOINED_BY_MS = 60_000;
/** `unknown` is a state that this version has no word for, so that nobody can say it is well. */
const BADNESS: Readonly<Record<ConnectionState, number>> = { up: 0, absent: 0, degraded: 1, unknown: 1, down: 2 };

interface Open {
  from: number;
  /** When it was well again; null while it is not. */
  to: number | null;
  worst: ConnectionState;
  beganBefore: boolean;
  causes: Incident['causes'];
}

/** `changes` and the incidents newest first. `now` is where one that goes on ends so far. */
export function toIncidents(component: string, changes: readonly ConnectionChangeRow[], now: number): Incident[] {
  const incidents: Open[] = [];
  for (const { state: name, error, at, isFirst } of changes.toReversed()) {
    const state = toConnectionState(name);
    const ms = at.getTime();
    const last = incidents.at(-1);
    if (BADNESS[state] === 0) {
      if (last) last.to ??= ms;
      continue;
    }
    const cause = { at: at.toISOString(), state, error };
    if (last && (last.to === null || ms - last.to < JOINED_BY_MS)) {
      last.to = null;
      last.causes.push(cause);
      if (BADNESS[state] > BADNESS[last.worst]) last.worst = state;
    } else {
      incidents.push({ from: ms, to: null, worst: state, beganBefore: isFirst, causes: [cause] });
    }
  }
  return incidents.toReversed().map(({ from, to, worst, beganBefore, causes }) => ({
    id: `${component}.${from}`,
    from: new Date(from).toISOString(),
    to: to === null ? null : new Date(to).toISOString(),
    state: worst,
    error: causes.find(cause => cause.error !== null)?.error ?? null,
    durationMs: Math.max(0, (to ?? now) - from),
    beganBefore,
    causes,
  }));
}
