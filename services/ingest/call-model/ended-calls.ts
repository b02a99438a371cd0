import type { Call } from './call.ts';

/**
 * Calls that ended lately, by the number that the PBX gave them: one that comes back under it was parked, was with
 * somebody whom we do not see, or waited where nobody could ask. It is another call by then, of the same conversation.
 *
 * A PBX that was restarted gives the numbers again; that the other side is the same, too, keeps strangers apart.
 */
const MAX_ENDED = 2_000;

export class EndedCalls {
  readonly #calls = new Map<number, Call>();

  add(call: Call): void {
    // Put in anew, so that the first is the one that ended first.
    this.#calls.delete(call.pbxCallId);
    this.#calls.set(call.pbxCallId, call);
    if (this.#calls.size > MAX_ENDED) this.#calls.delete(this.#calls.keys().next().value ?? 0);
  }

  /** The call that `call`, which was just opened, goes on from. */
  find(call: Call): Call | null {
    const ended = this.#calls.get(call.pbxCallId);
    const outside = outsideOf(call);
    return ended && outside !== null && outside === outsideOf(ended) ? ended : null;
  }

  clear(): void {
    this.#calls.clear();
  }
}

function outsideOf({ caller, callee }: Call): string | null {
  return [caller, callee].find(({ number, dn }) => number !== null && dn === null)?.number ?? null;
}
