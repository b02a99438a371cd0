import { localStoragePositions, memoryPositions, type TextStorage } from '@3cx-relay/shared/client/position-store.ts';
import type { RelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type AdminApi, isAbort } from '../api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';
import { type Connection, type Follower, follow } from './follow.ts';
import { Pacer, type Speed } from './pacer.ts';
import { type Beginning, readBeginning } from './tail-beginning.ts';
import type { TailQuery } from './tail-query.ts';
import { type TailRow, toTailRow } from './tail-row.ts';

export const MAX_ROWS = 500;
const BATCH_MS = 250;
const RETRY_MS = 2_000;

export interface TailDeps {
  readonly client: Pick<RelayClient, 'events'>;
  readonly api: AdminApi;
  /** Remembers how far somebody looked, over a reload of the page. */
  readonly storage: TextStorage;
}

/**
 * The newest entries, earliest first, as they come; or those of some time in the past, as fast as is wanted, until they
 * are of now. At most four changes a second, however many entries arrive.
 *
 * While it is paused the rows stand still. Live, what arrives is counted and kept, as many as there are rows: going on
 * then shows an unbroken list whose earliest rows have left, never one with a hole. In the past nothing is read meanwhile.
 */
export class Tail {
  rows = $state.raw<readonly TailRow[]>([]);
  phase = $state<'reading' | 'replay' | 'live'>('reading');
  isPaused = $state(false);
  newCount = $state(0);
  connection = $state.raw<Connection>({ state: 'connecting' });
  /** Why the beginning cannot be read; it is tried again. */
  problem = $state.raw<AdminProblem | null>(null);
  speed = $state<Speed>(10);
  /** The first row that was not there when somebody looked at this last. */
  unseenKey = $state<string | null>(null);
  /** Entries between those that were looked at last and the first row: where they begin. */
  missed = $state.raw<{ readonly channel: Channel; readonly after: string } | null>(null);
  readonly #deps: TailDeps;
  readonly #query: TailQuery;
  readonly #seen: ReturnType<typeof localStoragePositions>;
  readonly #stopping = new AbortController();
  readonly #pacer = new Pacer(10);
  #held: readonly TailRow[] = [];
  #pending: TailRow[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #follower: Follower | null = null;
  #goOn: (() => void) | null = null;

  constructor(query: TailQuery, deps: TailDeps) {
    this.#query = query;
    this.#deps = deps;
    this.#seen = localStoragePositions(deps.storage, 'relay-tail');
  }

  /** Begins, over and over until it succeeds. Returns the key of the row that was linked to. */
  async start(): Promise<string | null> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const beginning = await readBeginning(this.#deps.api, this.#query, signal);
        if (signal.aborted) return null;
        this.problem = null;
        this.#begin(beginning);
        return beginning.openKey;
      } catch (error) {
        if (signal.aborted || isAbort(error)) return null;
        this.problem = toAdminProblem(error);
        if (!this.problem.isPassing) return null;
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
    return null;
  }

  stop(): void {
    this.#stopping.abort();
    this.#follower?.stop();
    this.#goOn?.();
    clearTimeout(this.#timer);
  }

  /** Tries at once, or finds out whether the connection is still alive. */
  check(): void {
    this.#follower?.check();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#show(this.#held);
    this.#held = [];
    this.newCount = 0;
    this.#goOn?.();
  }

  setSpeed(speed: Speed): void {
    this.speed = speed;
    this.#pacer.speed = speed;
  }

  #begin(beginning: Beginning): void {
    const positions = memoryPositions();
    for (const [channel, position] of beginning.positions) positions.save(channel, position);
    this.#compareWithSeen(beginning);
    this.rows = beginning.rows.slice(-MAX_ROWS);
    this.phase = beginning.isOfNow ? 'live' : 'replay';
    // Who was sent to an entry reads it before he watches what came then.
    this.isPaused = beginning.openKey !== null;
    const { channels, event, dn, call } = this.#query;
    const narrow = {
      ...(event.length > 0 && { event }),
      ...(dn.length > 0 && { dn }),
      ...(call.length > 0 && { call }),
    };
    this.#follower = follow(
      this.#deps.client,
      { channels, after: 'start', positions, ...narrow },
      {
        onItem: item => {
          const row = toTailRow(item, this.#query, Date.now());
          if (row) return this.phase === 'live' ? this.#take(row) : this.#takeInTime(row);
        },
        onConnection: connection => {
          this.connection = connection;
          if (connection.state === 'live' && !connection.isBehind && this.phase === 'replay') this.phase = 'live';
        },
      },
    );
    this.#remember();
  }

  #take(row: TailRow): void {
    this.#pending.push(row);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  async #takeInTime(row: TailRow): Promise<void> {
    await this.#pacer.due(row.at, this.#stopping.signal);
    if (this.isPaused) await new Promise<void>(resolve => (this.#goOn = resolve));
    this.#goOn = null;
    this.#take(row);
  }

  #flush(): void {
    this.#timer = undefined;
    const arrived = this.#pending;
    this.#pending = [];
    if (this.isPaused) {
      this.#held = [...this.#held, ...arrived].slice(-MAX_ROWS);
      this.newCount += arrived.length;
    } else this.#show(arrived);
  }

  #show(arrived: readonly TailRow[]): void {
    // A gap that concerns this reader alone may be told again after it came back.
    const known = new Set(this.rows.map(({ key }) => key));
    const fresh = arrived.filter(({ key }) => !known.has(key) && known.add(key));
    if (fresh.length === 0) return;
    this.rows = [...this.rows, ...fresh].slice(-MAX_ROWS);
    this.#remember();
  }

  /** The newest of each channel, in a tail of now: there somebody goes on looking after a reload. */
  #remember(): void {
    if (this.phase !== 'live') return;
    for (const channel of this.#query.channels) {
      const id = this.rows.findLast(row => row.channel === channel && row.id !== null)?.id;
      if (id) this.#seen.save(channel, id);
    }
  }

  #compareWithSeen({ rows, isOfNow, cutOff }: Beginning): void {
    if (!isOfNow) return;
    const seen = new Map(this.#query.channels.map(channel => [channel, this.#seen.load(channel) as string | null]));
    const isUnseen = ({ channel, id }: TailRow) => id !== null && id > (seen.get(channel) ?? id);
    const first = rows.findIndex(isUnseen);
    if (first > 0) this.unseenKey = rows[first]?.key ?? null;
    for (const [channel, after] of seen) {
      const earliest = rows.find(row => row.channel === channel);
      if (after && earliest && cutOff.has(channel) && isUnseen(earliest)) this.missed = { channel, after };
    }
  }
}
