import { type LegDraft, type Participant, toParticipant } from './participant.ts';

/** `event_type` of a frame; 4, the answer to a socket request, is the feed's own (3cx.md C6). */
export const UPSERT = 0;
export const REMOVE = 1;
export const DTMF = 2;
export const PROMPT_FINISHED = 3;

/** The DN an event belongs to decides who is told; `attachedData` is null on every captured Upsert and Remove (C3). */
export type EventAbout = { readonly dn: string; readonly attachedData?: unknown };

/** Receives one event per change, in order; the feed turns it into a frame. */
export type Announce = (eventType: number, entity: string, about: EventAbout) => void;

/**
 * Who is on which DN right now: the single truth behind REST answers and events. A change is made here first and
 * announced after, so a client that GETs the entity on an event never reads an older state.
 *
 * Ids grow by one over the whole PBX and start again at 1 after a restart (3cx.md §1.5: small integers, unique per run).
 */
export class Switchboard {
  readonly #announce: Announce;
  readonly #byDn = new Map<string, Map<number, Participant>>();
  #lastParticipantId = 0;
  #lastCallId = 0;
  /** Upserts carry their participant, as the official documents may be read (3cx.md C3); no capture shows it. */
  attachesParticipants = false;

  constructor(announce: Announce) {
    this.#announce = announce;
  }

  nextCallId(): number {
    return ++this.#lastCallId;
  }

  /** Adds a leg without announcing it: the caller announces with `upsert`, which it will often repeat. */
  join(draft: LegDraft, call: { callid: number; legid: number }): Participant {
    const participant = toParticipant(draft, { id: ++this.#lastParticipantId, ...call });
    const onDn = this.#byDn.get(participant.dn) ?? new Map<number, Participant>();
    this.#byDn.set(participant.dn, onDn.set(participant.id, participant));
    return participant;
  }

  upsert(participant: Pick<Participant, 'dn' | 'id'>): void {
    const { dn, id } = participant;
    const about = this.attachesParticipants ? { dn, attachedData: this.find(dn, id) ?? null } : participant;
    this.#announce(UPSERT, entityOf(participant), about);
  }

  leave(participant: Participant): void {
    if (this.#byDn.get(participant.dn)?.delete(participant.id))
      this.#announce(REMOVE, entityOf(participant), participant);
  }

  /** Something that happens to a participant without changing it: a key pressed, a prompt played to its end. */
  report(eventType: number, { dn, id }: Pick<Participant, 'dn' | 'id'>, attachedData: unknown = null): void {
    this.#announce(eventType, entityOf({ dn, id }), { dn, attachedData });
  }

  /** An event about anything else: a device, or whatever a tester makes up. */
  raise(eventType: number, entity: string, about: EventAbout): void {
    this.#announce(eventType, entity, about);
  }

  find(dn: string, id: number): Participant | undefined {
    return this.#byDn.get(dn)?.get(id);
  }

  on(dn: string): Participant[] {
    return [...(this.#byDn.get(dn)?.values() ?? [])];
  }

  isBusy(dn: string): boolean {
    return (this.#byDn.get(dn)?.size ?? 0) > 0;
  }

  /** The service restarts: everybody is gone without a word and the ids start again. */
  reset(): void {
    this.#byDn.clear();
    this.#lastParticipantId = 0;
    this.#lastCallId = 0;
  }
}

function entityOf(participant: Pick<Participant, 'dn' | 'id'>): string {
  return `/callcontrol/${participant.dn}/participants/${participant.id}`;
}
