import { waitFor } from '../../harness/wait-for.ts';
import { type FilterQuery, type Place, type Reading, TRANSPORTS } from './transports.ts';

/** What was told to a client, in order: entries of the log, and gaps that are told to it alone. */
export type Told = { text: string; position: string | null };

/** From which place on which filter was asked for, and how much had been told by then: a place may be behind what was. */
export type Segment = { from: Place; filter: FilterQuery; told: number };

/** A client as its user would write it: keeps its place, comes back with it after every interruption, keeps account. */
export class ReadingClient {
  readonly transport: string;
  readonly told: Told[] = [];
  readonly segments: Segment[];
  place: Place = 'start';
  /** Of what it was told beside entries and gaps, the latest: for whoever asks why it stands still. */
  lastWords: string[] = [];
  #reading: Reading | null = null;
  #isWanted = false;
  readonly #deps: { apiKey: string; relayUrl: () => string };

  constructor(transport: string, filter: FilterQuery, deps: { apiKey: string; relayUrl: () => string }) {
    this.transport = transport;
    this.segments = [{ from: 'start', filter, told: 0 }];
    this.#deps = deps;
  }

  get isConnected(): boolean {
    return this.#isWanted;
  }

  get filter(): FilterQuery {
    return this.segments.at(-1)?.filter ?? {};
  }

  connect(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#open();
  }

  cut(): void {
    this.#isWanted = false;
    const reading = this.#reading;
    this.#reading = null;
    reading?.cut();
  }

  stall(isStalled: boolean): void {
    this.#reading?.stall?.(isStalled);
  }

  async refilter(filter: FilterQuery): Promise<void> {
    const reading = this.#reading;
    const refiltering = reading?.refilter?.(filter);
    if (reading && refiltering) {
      const from = await Promise.race([refiltering, this.#ended(reading)]);
      if (from !== null) {
        this.segments.push({ from, filter, told: this.told.length });
        return;
      }
    }
    const wasWanted = this.#isWanted;
    this.cut();
    this.segments.push({ from: this.place, filter, told: this.told.length });
    if (wasWanted) this.connect();
  }

  /** Null once this reading is over. */
  async #ended(reading: Reading): Promise<null> {
    await waitFor(() => this.#reading !== reading, { what: 'an answer to a change of filter', timeoutMs: 15_000 });
    return null;
  }

  #open(): void {
    const transport = TRANSPORTS[this.transport];
    if (!transport) throw new Error(`no transport ${this.transport}`);
    const reading = transport(this.#deps.relayUrl(), {
      apiKey: this.#deps.apiKey,
      after: this.place,
      filter: this.filter,
      onMessage: (text, place) => {
        if (this.#reading === reading) this.#take(text, place);
      },
      onEnd: () => {
        if (this.#reading !== reading) return;
        this.#reading = null;
        setTimeout(() => {
          if (this.#isWanted && this.#reading === null) this.#open();
        }, RECONNECT_MS);
      },
    });
    this.#reading = reading;
  }

  #take(text: string | null, place: Place | null): void {
    if (place !== null) this.place = place;
    const message = text === null ? null : parseTold(text);
    if (message) this.told.push(message);
    else if (text !== null) this.lastWords = [...this.lastWords, text].slice(-KEPT_WORDS);
  }
}

const RECONNECT_MS = 20;
const KEPT_WORDS = 5;

/** Null for what is neither an entry nor a gap. */
export function parseTold(text: string): Told | null {
  const { type, id } = JSON.parse(text) as { type: string; id?: string };
  if (type !== 'call_event' && type !== 'gap') return null;
  return { text, position: id ?? null };
}
