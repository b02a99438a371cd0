import type { XAPIClient } from './xapi/xapi-client.ts';

/** What an operator has to know of the PBX and no frame tells; null: it has not said. */
export interface PbxFacts {
  readonly extensions: {
    /** Those whose calls the PBX shows to our API client. */
    readonly monitored: number | null;
    readonly total: number | null;
  };
  readonly isLicenceActive: boolean | null;
}

export interface PbxFactsWatch {
  readonly current: PbxFacts;
  /** With the DNs that a snapshot named; asks XAPI for the rest, now and then. */
  snapshotTaken(dns: readonly string[]): void;
}

const ASK_EVERY_MS = 3_600_000;
const RETRY_MS = 300_000;

export function watchPbxFacts(xapi: Pick<XAPIClient, 'getSystemStatus'>, now: () => number = Date.now): PbxFactsWatch {
  let monitored: number | null = null;
  let total: number | null = null;
  let isLicenceActive: boolean | null = null;
  let askAgainAt = 0;

  async function ask(): Promise<void> {
    askAgainAt = now() + RETRY_MS;
    try {
      const status = await xapi.getSystemStatus();
      total = status.extensionsTotal;
      isLicenceActive = status.isLicenceActive;
      askAgainAt = now() + ASK_EVERY_MS;
    } catch {
      // The monitor says that XAPI does not answer; what was known stays the best guess.
    }
  }

  return {
    get current() {
      return { extensions: { monitored, total }, isLicenceActive };
    },
    snapshotTaken(dns) {
      monitored = dns.length;
      if (now() >= askAgainAt) void ask();
    },
  };
}
