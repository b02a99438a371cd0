import type { Channel } from '../wire/channels.ts';
import type { PositionStore } from './position-store.ts';

export interface PositionKeeper {
  moved(channel: Channel, position: string): void;
  /** Saves what is due. @throws what the store throws */
  flush(): Promise<void>;
}

/** Saves positions now and then, one after the other: a thousand events a second need not be a thousand writes. */
export function createPositionKeeper(
  store: PositionStore,
  options: { saveEveryMs: number; onError: (error: unknown) => void },
): PositionKeeper {
  let due = new Map<Channel, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let saving: Promise<void> = Promise.resolve();

  async function saveDue(): Promise<void> {
    const positions = due;
    due = new Map();
    for (const [channel, position] of positions) await store.save(channel, position);
  }

  function save(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // A save that failed was reported to whoever waited for it, and does not keep the next from being tried.
    saving = saving.catch(() => {}).then(saveDue);
    return saving;
  }

  return {
    moved(channel, position) {
      due.set(channel, position);
      timer ??= setTimeout(() => save().catch(options.onError), options.saveEveryMs);
    },
    flush: () => save(),
  };
}
