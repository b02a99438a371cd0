import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { z } from 'zod';

/**
 * Which of the tables that are read are there (3cx.md C7), for whom, and with which columns. The catalogue itself is
 * asked and not `information_schema`, which hides what the account may not read: "not there" and "not allowed" want
 * different help.
 */
export const CDR_TABLES = ['cdroutput', 'cdr_output'] as const;
export const AGENT_STATE_TABLES = ['operator_state_history'] as const;

const tableSchema = z.object({
  schema: z.string(),
  name: z.string(),
  isReadable: z.boolean(),
  columns: z.array(z.string()),
});

export type PbxTable = Readonly<z.infer<typeof tableSchema>>;

const PROBE = readFileSync(new URL('./sql/probe-tables.sql', import.meta.url), 'utf8');

export async function probeTables(client: pg.ClientBase | pg.Pool): Promise<PbxTable[]> {
  const { rows } = await client.query(PROBE, [[...CDR_TABLES, ...AGENT_STATE_TABLES]]);
  return z.array(tableSchema).parse(rows);
}

/** The first of the names that is there and may be read; else the first that is there at all. */
export function chooseTable(tables: readonly PbxTable[], names: readonly string[]): PbxTable | null {
  const found = names.flatMap(name => tables.filter(table => table.name === name));
  return found.find(table => table.isReadable) ?? found[0] ?? null;
}
