import type { CdrParty, CdrSegment } from '../pbx/cdr-segment.ts';

type StateChange = { id: number; operator_dn: string; state: string; queue_dn: string | null; changed_at: string };

const MAX_CALLS = 5000;

/**
 * What the agents did, as it can be told from the segments: signed in before their first call, ringing and talking
 * during one, free after it. The states are ours; no 3CX V20 has this table (3cx.md §3.3).
 */
export class AgentStates {
  readonly #signedIn = new Set<string>();
  /** The queue a call is waiting in: the segment of the queue ends before those of the agents it rang. */
  readonly #queueOf = new Map<string, string>();
  #lastId: number;

  constructor(lastId: number) {
    this.#lastId = lastId;
  }

  changesOf(segment: CdrSegment): StateChange[] {
    const { destination, callHistoryId } = segment;
    if (destination.entityType === 'queue') this.#remember(callHistoryId, destination.dnNumber);
    const queueDn = this.#queueOf.get(callHistoryId) ?? null;
    return [segment.source, destination]
      .filter(isAgent)
      .flatMap(({ dnNumber }) => [
        ...(this.#signedIn.has(dnNumber) ? [] : [this.#change(dnNumber, 'logged_in', { at: segment.startedAt - 1 })]),
        ...(dnNumber === destination.dnNumber
          ? [this.#change(dnNumber, 'ringing', { at: segment.startedAt, queueDn })]
          : []),
        ...(segment.answeredAt === null
          ? []
          : [this.#change(dnNumber, 'talking', { at: segment.answeredAt, queueDn })]),
        this.#change(dnNumber, 'available', { at: segment.endedAt, queueDn }),
      ]);
  }

  #change(dn: string, state: string, when: { at: number; queueDn?: string | null }): StateChange {
    this.#signedIn.add(dn);
    return {
      id: ++this.#lastId,
      operator_dn: dn,
      state,
      queue_dn: when.queueDn ?? null,
      changed_at: new Date(when.at).toISOString(),
    };
  }

  #remember(callHistoryId: string, queueDn: string): void {
    this.#queueOf.set(callHistoryId, queueDn);
    for (const oldest of this.#queueOf.keys()) {
      if (this.#queueOf.size <= MAX_CALLS) break;
      this.#queueOf.delete(oldest);
    }
  }
}

function isAgent(party: CdrParty): boolean {
  return party.entityType === 'extension';
}
