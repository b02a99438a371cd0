import { ACTIVE_CALL, toActiveCall } from './active-calls.ts';
import { CALL_HISTORY_VIEW, liveHistory, staleHistory } from './call-history-view.ts';
import { CALL_LOG_DATA, callLogRows } from './call-log.ts';
import type { EntitySet, Singleton } from './entity-set.ts';
import { isoTime } from './iso-time.ts';
import type { EntityType, Row } from './odata-rows.ts';
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
import type { XapiDeps, XapiSettings } from './xapi.ts';

const LAST_CHANGE: EntityType = {
  name: 'Pbx.LastCdrAndChatMessageTimestamp',
  fields: ['Id', 'LastCdrStartedAt', 'LastChatMessageTimeSent'],
};
const DEFS: EntityType = { name: 'Pbx.Defs', fields: ['Id'] };

/** Everything that can be read below `/xapi/v1`, by name. */
export function createEntities(deps: XapiDeps, settings: XapiSettings) {
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
