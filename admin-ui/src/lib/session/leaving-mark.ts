/**
 * That somebody signed out while the relay could not be told. The cookie is for no script to take away, so that whoever
 * opens the panel in this browser next would be signed in again: the panel ends that session instead. It holds no more
 * than that. A browser that keeps nothing for this page forgets it with the page.
 */
export interface LeavingMark {
  readonly isSet: boolean;
  set(): void;
  clear(): void;
}

/** `baseUrl`: panels of other relays, and other programs, may be on the same host. */
export function createLeavingMark(baseUrl: string): LeavingMark {
  const key = `3cx-relay-leaving:${new URL(baseUrl).pathname}`;
  let isMarkedHere = false;
  const attempt = <Value>(act: () => Value): Value | null => {
    try {
      return act();
    } catch {
      return null;
    }
  };
  return {
    get isSet() {
      return attempt(() => localStorage.getItem(key) !== null) ?? isMarkedHere;
    },
    set() {
      isMarkedHere = true;
      attempt(() => localStorage.setItem(key, 'yes'));
    },
    clear() {
      isMarkedHere = false;
      attempt(() => localStorage.removeItem(key));
    },
  };
}
