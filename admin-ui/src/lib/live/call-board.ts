import type { Call, CallEventMessage } from './messages.ts';

/** The calls that are going on, kept up to date by events. */
export class CallBoard {
  readonly #calls = new Map<string, Call>();
  /** Events up to here are in the calls already. */
  #position: string | null = null;

  reset(snapshot: { position: string | null; calls: readonly Call[] }): void {
    this.#position = snapshot.position;
    this.#calls.clear();
    for (const call of snapshot.calls) this.#calls.set(call.callId, call);
  }

  apply({ id, call, otherCalls }: CallEventMessage): void {
    // Positions of one channel sort as text, across epochs too.
    if (this.#position !== null && id <= this.#position) return;
    this.#position = id;
    for (const other of otherCalls) this.#keep(other);
    if (call !== null) this.#keep(call);
  }

  #keep(call: Call): void {
    if (call.state === 'ended') this.#calls.delete(call.callId);
    else this.#calls.set(call.callId, call);
  }

  /** Newest first; a call whose start was not seen is older than those that are known. */
  list(): Call[] {
    return [...this.#calls.values()].sort(
      (a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0) || (a.callId < b.callId ? 1 : -1),
    );
  }
}
