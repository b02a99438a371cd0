import pg from 'pg';
import type { Statement } from './database-cursor.ts';
import type { PbxTable } from './pbx-tables.ts';
import { type KeysetRow, type RecordRange, ROW_ADDRESS, selectPage } from './record-pages.ts';

/**
 * A change of an agent's state, from `operator_state_history`. The specification names the table and not its columns,
 * and no V20 is known to have it: each column is looked for under the names that are likely.
 */
export interface AgentState {
  /** Unix ms. */
  readonly at: number;
  readonly dn: string | null;
  readonly state: string | null;
  readonly queueDn: string | null;
}

const TIME = ['changed_at', 'start_time', 'state_time', 'timestamp', 'time', 'created_at'];
const DN = ['operator_dn', 'operator', 'agent_dn', 'agent', 'dn', 'extension'];
const STATE = ['state', 'new_state', 'status'];
const QUEUE = ['queue_dn', 'queue', 'q_num'];

const ID = ['id'];

export type AgentStateRow = AgentState & KeysetRow;

/** Null when the table has no column for the time. */
export function selectAgentStates(table: PbxTable, page: RecordRange): Statement | null {
  const pick = (names: readonly string[]) => names.find(name => table.columns.includes(name));
  const text = (names: readonly string[]) => {
    const name = pick(names);
    return name === undefined ? 'NULL::text' : `NULLIF(${pg.escapeIdentifier(name)}::text, '')`;
  };
  const time = pick(TIME);
  if (time === undefined) return null;
  const id = pick(ID);
  const at = pg.escapeIdentifier(time);
  return selectPage(page, {
    from: `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`,
    startedAt: at,
    row: id === undefined ? ROW_ADDRESS : pg.escapeIdentifier(id),
    fields: [
      `floor(extract(epoch FROM ${at}) * 1000)::float8 AS "at"`,
      `${text(DN)} AS "dn"`,
      `${text(STATE)} AS "state"`,
      `${text(QUEUE)} AS "queueDn"`,
    ],
    dns: DN.filter(name => table.columns.includes(name))
      .slice(0, 1)
      .map(name => pg.escapeIdentifier(name)),
    numbers: [],
  });
}
