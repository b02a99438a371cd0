/**
 * Bytes that wait in all sockets together, of clients that do not read fast enough. When they are used up everybody still
 * gets something, but in small pieces: a crowd of stalled clients must not take the memory of the process, nor the
 * turn of those who read.
 */
export interface SendBudget {
  /** Bytes that wait now. */
  readonly used: number;
  /** How long a write of one client may be at the moment. */
  maxBytes(): number;
  add(bytes: number): void;
  release(bytes: number): void;
}

/** Enough for a few hundred events, and 10,000 stalled clients hold 160 MB of them at most. */
const SMALL_BYTES = 16 * 1024;

export function createSendBudget(limits: { clientBytes: number; totalBytes: number }): SendBudget {
  let used = 0;
  return {
    get used() {
      return used;
    },
    maxBytes: () => (used < limits.totalBytes ? limits.clientBytes : Math.min(SMALL_BYTES, limits.clientBytes)),
    add(bytes) {
      used += bytes;
    },
    release(bytes) {
      used -= bytes;
    },
  };
}
