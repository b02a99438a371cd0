export type KeyStore = { read(): string | null; write(key: string | null): void };

const NAME = '3cx-relay-key';

/** For this tab and until it is closed. A browser that forbids storage asks again after a reload, and nothing else. */
export function createKeyStore(): KeyStore {
  return {
    read() {
      try {
        return sessionStorage.getItem(NAME);
      } catch {
        return null;
      }
    },
    write(key) {
      try {
        if (key === null) sessionStorage.removeItem(NAME);
        else sessionStorage.setItem(NAME, key);
      } catch {
        // kept in memory only
      }
    },
  };
}
