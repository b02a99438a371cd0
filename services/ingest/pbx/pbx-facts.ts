import type { XAPIClient } from './xapi/xapi-client.ts';

/** What an operator has to know of the PBX and no frame tells; null: it has not said. */
export interface PbxFacts {
  readonly extensions: {
    /** Those whose calls the PBX shows to our API client. */
    readonly monitored: number | null;
    readonly total: number | null;
  };
  /** Numbers of those that it does not show, the first of them. */
  readonly missingExtensions: readonly string[] | null;
  readonly isLicenceActive: boolean | null;
}

export interface PbxFactsWatch {
  readonly current: PbxFacts;
  /** With the extensions that a snapshot named; asks XAPI for the rest, now and then. */
  snapshotTaken(extensions: readonly string[]): void;
}

const ASK_EVERY_MS = 3_600_000;
const RETRY_MS = 300_000;
/** What is written every second has room for a hint, and not for the whole of a large PBX. */
const MAX_NAMED = 20;

export function watchPbxFacts(
  xapi: Pick<XAPIClient, 'getSystemStatus' | 'getExtensionNumbers'>,
  now: () => number = Date.now,
): PbxFactsWatch {
  let monitored: readonly string[] | null = null;
  let numbers: readonly string[] | null = null;
  let missing: readonly string[] | null = null;
  let total: number | null = null;
  let isLicenceActive: boolean | null = null;
  let askAgainAt = 0;

  async function ask(): Promise<void> {
    askAgainAt = now() + RETRY_MS;
    try {
      const status = await xapi.getSystemStatus();
      total = status.extensionsTotal;
      isLicenceActive = status.isLicenceActive;
      numbers = await xapi.getExtensionNumbers();
      compare();
      askAgainAt = now() + ASK_EVERY_MS;
    } catch {
      // The monitor says that XAPI does not answer, or refuses this; what was known stays the best guess.
    }
  }

  function compare(): void {
    const seen = new Set(monitored);
    missing = numbers?.filter(number => !seen.has(number)).slice(0, MAX_NAMED) ?? null;
  }

  return {
    get current() {
      const extensions = { monitored: monitored?.length ?? null, total };
      return { extensions, missingExtensions: missing, isLicenceActive };
    },
    snapshotTaken(extensions) {
      monitored = extensions;
      compare();
      if (now() >= askAgainAt) void ask();
    },
  };
}
