import type { SegmentLog } from '../database/segment-log.ts';
import type { CallEngine } from '../pbx/call-engine.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { Clock } from '../pbx/clock.ts';
import type { Directory } from '../pbx/directory.ts';
import type { Random } from '../pbx/random.ts';
import { ACTIVE_CALL, toActiveCall } from './active-calls.ts';
import { CALL_HISTORY_VIEW, liveHistory, staleHistory } from './call-history-view.ts';
import { CALL_LOG_DATA, callLogRows } from './call-log.ts';
import type { EntitySet, EntityType, Row, Singleton } from './entity-set.ts';
import { isoTime } from './iso-time.ts';
import {
  QUEUE,
  queueRows,
  SERVICE,
  SYSTEM_STATUS,
  serviceRows,
  systemStatus,
  USER,
  userRows,
} from './system-entities.ts';

/** `live`: it still works, as before update 6. `broken`: 500 with an empty body, as one PBX of autumn 2026 answers. */
export type XapiSettings = { callHistory: 'stale' | 'live' | 'broken' };

/** What there is to tell about. */
export type EntityDeps = {
  register: ClientRegister;
  engine: CallEngine;
  directory: Directory;
  segments: SegmentLog;
  clock: Clock;
  random: Random;
};

const LAST_CHANGE: EntityType = {
  name: 'Pbx.LastCdrAndChatMessageTimestamp',
  fields: ['Id', 'LastCdrStartedAt', 'LastChatMessageTimeSent'],
};
const DEFS: EntityType = { name: 'Pbx.Defs', fields: ['Id'] };

/** Everything that can be read below `/xapi/v1`, by name. */
export function createEntities(deps: EntityDeps, settings: XapiSettings) {
  const { engine, directory, segments, clock, register } = deps;
  const oldHistory = staleHistory(directory, deps.random, clock.now());

  const sets: Record<string, EntitySet> = {
    ActiveCalls: {
      type: ACTIVE_CALL,
      rows: () => engine.active().map(call => toActiveCall(call, directory, clock.now())),
    },
    CallHistoryView: {
      type: CALL_HISTORY_VIEW,
      rows: () => (settings.callHistory === 'live' ? liveHistory(segments.visible()) : oldHistory),
      get ignoresOrder() {
        return settings.callHistory !== 'live';
      },
    },
    Users: { type: USER, role: 'system_owner', rows: () => userRows(directory) },
    Queues: { type: QUEUE, rows: () => queueRows(directory) },
    Services: { type: SERVICE, role: 'system_owner', rows: serviceRows },
  };

  const singletons: Record<string, Singleton> = {
    Defs: { type: DEFS, row: () => ({ Id: 0 }) },
    SystemStatus: {
      type: SYSTEM_STATUS,
      row: () => systemStatus(engine, directory, { isActive: register.licence.enterprise }),
    },
    LastCdrAndChatMessageTimestamp: { type: LAST_CHANGE, row: lastChange },
  };

  function lastChange(): Row {
    const startedAt = segments.visible().reduce((latest, { segment }) => Math.max(latest, segment.startedAt), 0);
    return {
      Id: 0,
      LastCdrStartedAt: startedAt === 0 ? null : isoTime(startedAt),
      LastChatMessageTimeSent: null,
    };
  }

  return {
    sets,
    singletons,
    callLog: {
      type: CALL_LOG_DATA,
      rows: (args: ReadonlyMap<string, string>) => callLogRows(segments.visible(), args),
    },
  };
}
