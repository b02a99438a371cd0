import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Cancel, Clock } from '../pbx/clock.ts';
import type { DatabaseNames } from './database-names.ts';
import { asAdmin, setPassword } from './provision.ts';

export type DatabaseFaultKind = 'database-down' | 'database-password' | 'database-slow';
export type DatabaseFaults = {
  /** Resolves when it is in force. */
  apply(kind: DatabaseFaultKind, ms: number | undefined): Promise<Record<string, unknown>>;
  active(): Array<Record<string, unknown>>;
  clear(): Promise<void>;
};

type FaultDeps = { adminUrl: string; names: DatabaseNames; pool: pg.Pool; cdrTable: string; clock: Clock };
type Fault = { kind: DatabaseFaultKind; untilMs: number | null; cancel: Cancel; restore: () => Promise<void> };

const DEFAULT_MS = 10_000;
const RETRY_MS = 500;

/** What can befall the PBX's database, done to the real one. Each kind holds once; applied again it starts anew. */
export function createDatabaseFaults({ adminUrl, names, pool, cdrTable, clock }: FaultDeps): DatabaseFaults {
  const inForce = new Map<DatabaseFaultKind, Fault>();
  /** One change at a time: ending a fault must not overtake its beginning. */
  let lastChange: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(change: () => Promise<Result>): Promise<Result> => {
    const result = lastChange.then(change);
    lastChange = result.catch(() => undefined);
    return result;
  };

  const hold = (kind: DatabaseFaultKind, ms: number | null, restore: () => Promise<void>): void => {
    const fault: Fault = { kind, untilMs: null, cancel: () => undefined, restore };
    if (ms !== null) {
      fault.untilMs = clock.monotonicMs() + ms;
      fault.cancel = clock.after(ms, () => endInTurn(fault));
    }
    inForce.set(kind, fault);
  };

  /** The server itself may be away just now: what was taken away is given back as soon as it can be. */
  const end = async (fault: Fault): Promise<void> => {
    if (inForce.get(fault.kind) !== fault) return;
    fault.cancel();
    try {
      await fault.restore();
      inForce.delete(fault.kind);
    } catch (error) {
      fault.cancel = clock.after(RETRY_MS, () => endInTurn(fault));
      throw error;
    }
  };

  /** A failure has already arranged for the next try. */
  const endInTurn = (fault: Fault): void => void inTurn(() => end(fault)).catch(() => undefined);

  const allowConnections = (admin: pg.Client, isAllowed: boolean) =>
    admin.query(`ALTER DATABASE ${admin.escapeIdentifier(names.database)} ALLOW_CONNECTIONS ${isAllowed}`);

  const effects: Record<DatabaseFaultKind, (ms: number) => Promise<Record<string, unknown>>> = {
    'database-down': async ms => {
      hold('database-down', ms, () => asAdmin(adminUrl, async admin => void (await allowConnections(admin, true))));
      return asAdmin(adminUrl, async admin => {
        await allowConnections(admin, false);
        return { ms, ended: await endSessions(admin, [names.owner.role, names.reader.role]) };
      });
    },
    'database-password': async () => {
      hold('database-password', null, () => asAdmin(adminUrl, admin => setPassword(admin, names.reader)));
      return asAdmin(adminUrl, async admin => {
        await setPassword(admin, { role: names.reader.role, password: randomBytes(18).toString('base64url') });
        return { role: names.reader.role, ended: await endSessions(admin, [names.reader.role]) };
      });
    },
    'database-slow': async ms => {
      const client = await pool.connect();
      const release = async (): Promise<void> => client.release(true);
      try {
        await client.query(`BEGIN; LOCK TABLE ${cdrTable} IN ACCESS EXCLUSIVE MODE`);
      } catch (error) {
        await release();
        throw error;
      }
      hold('database-slow', ms, release);
      return { ms, table: cdrTable };
    },
  };

  async function endSessions(admin: pg.Client, roles: readonly string[]): Promise<number> {
    const { rowCount } = await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = ANY($2)',
      [names.database, roles],
    );
    return rowCount ?? 0;
  }

  const endAll = async (kinds: readonly DatabaseFaultKind[]): Promise<void> => {
    for (const kind of kinds) {
      const fault = inForce.get(kind);
      if (fault) await end(fault);
    }
  };

  return {
    apply: (kind, ms) =>
      inTurn(async () => {
        await endAll([kind]);
        return effects[kind](ms ?? DEFAULT_MS);
      }),
    active: () =>
      [...inForce.values()].map(({ kind, untilMs }) => ({
        kind,
        leftMs: untilMs === null ? null : Math.round(untilMs - clock.monotonicMs()),
      })),
    clear: () => inTurn(() => endAll([...inForce.keys()])),
  };
}
