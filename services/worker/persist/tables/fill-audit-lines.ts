import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { toDetails, toSafeText } from '@3cx-relay/shared/runtime/details.ts';
import { type AuditLine, insertAuditLines } from '@3cx-relay/shared/store/error-log.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { z } from 'zod';
import { storeInHalves } from '../in-halves.ts';
import type { Filling } from './filling.ts';

/** "All sensitive operations logged to error_log" (specification, Security): component `audit`, severity `info`. */
const MAX_MESSAGE = 500;
const LATEST_MS = Date.UTC(9999, 0);

const text = z.string().min(1).nullish().catch(null);

const body = z.looseObject({
  data: z.looseObject({
    action: text,
    actor: z
      .union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)])
      .nullish()
      .catch(null),
    target: text,
    outcome: text,
  }),
});

export async function fillAuditLines({ client, onUnstorable }: Filling, entries: readonly LogEntry[]): Promise<void> {
  const lines = entries.flatMap(entry => {
    const line = decodeLine(entry);
    return line ? [{ entry, line }] : [];
  });
  const store = (some: readonly (typeof lines)[number][]) =>
    insertAuditLines(
      client,
      some.map(({ line }) => line),
    );
  await storeInHalves(
    { client, store, onRefused: ({ line, entry }, error) => onUnstorable(line, error, entry) },
    lines,
  );
}

/** Null for a gap and for what is not JSON. */
function decodeLine(entry: LogEntry): AuditLine | null {
  if (entry.type !== 'audit') return null;
  let json: unknown;
  try {
    json = JSON.parse(entry.body);
  } catch {
    return null;
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) return null;
  const { action, actor, target, outcome } = parsed.data.data;
  const what = [action ?? 'an operation', ...(target ? [`on ${target}`] : []), ...(actor ? [`by ${actor}`] : [])];
  return {
    position: formatPosition(entry),
    at: new Date(entry.at >= 0 && entry.at < LATEST_MS ? Math.trunc(entry.at) : Date.now()),
    message: toSafeText(`${what.join(' ')}: ${outcome ?? 'outcome not stated'}`, MAX_MESSAGE),
    details: toDetails(parsed.data.data),
  };
}
