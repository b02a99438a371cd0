import type { CdrParty, CdrSegment } from '../pbx/cdr-segment.ts';

type StateChange = { id: number; operator_dn: string; state: string; queue_dn: string | null; changed_at: string };

const MAX_QUEUES = 5000;

/**
 * What the agents did, as it can be told from the segments: signed in before their first call, ringing and talking
 * during one, free after it. The states are ours; no 3CX V20 has this table (3cx.md §3.3).
 */
export class AgentStates {
  readonly #signedIn = new Set<string>();
  /** Which queue a segment is of. */
  readonly #queueDnOf = new Map<string, string>();
  /** Rounds that nobody answered end before the queue's own segment, which alone says which queue it is. */
  readonly #polls = new Map<string, CdrSegment[]>();
  #lastId: number;

  constructor(lastId: number) {
    this.#lastId = lastId;
  }

  changesOf(segment: CdrSegment): StateChange[] {
    const { cdrId, destination, originatingCdrId, creationForwardReason } = segment;
    if (destination.entityType === 'queue') {
      remember(this.#queueDnOf, cdrId, destination.dnNumber);
      const polls = this.#polls.get(cdrId) ?? [];
      this.#polls.delete(cdrId);
      return polls.flatMap(poll => this.#changesDuring(poll, destination.dnNumber));
    }
    const queueDn = this.#queueDnOf.get(originatingCdrId ?? '') ?? null;
    if (queueDn === null && originatingCdrId !== null && creationForwardReason === 'polling') {
      remember(this.#polls, originatingCdrId, [...(this.#polls.get(originatingCdrId) ?? []), segment]);
      return [];
    }
    return this.#changesDuring(segment, queueDn);
  }

  #changesDuring({ source, destination, ...times }: CdrSegment, queueDn: string | null): StateChange[] {
    return [source, destination].filter(isAgent).flatMap(agent => {
      const change = (state: string, at: number): StateChange => ({
        id: ++this.#lastId,
        operator_dn: agent.dnNumber,
        state,
        queue_dn: queueDn,
        changed_at: new Date(at).toISOString(),
      });
      const isNew = !this.#signedIn.has(agent.dnNumber);
      this.#signedIn.add(agent.dnNumber);
      return [
        ...(isNew ? [{ ...change('logged_in', times.startedAt - 1), queue_dn: null }] : []),
        ...(agent === destination ? [change('ringing', times.startedAt)] : []),
        ...(times.answeredAt === null ? [] : [change('talking', times.answeredAt)]),
        change('available', times.endedAt),
      ];
    });
  }
}

function isAgent(party: CdrParty): boolean {
  return party.entityType === 'extension';
}

/** The oldest goes: a queue whose calls are all over is asked about no more. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_QUEUES) break;
    map.delete(oldest);
  }
}
