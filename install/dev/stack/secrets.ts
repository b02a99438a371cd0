import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../operator-error.js';

/** Made once per data folder, so that every start prints the same credentials and old sessions stay valid. */
export type Secrets = {
  adminSecret: string;
  simulatorSecret: string;
  adminPassword: string;
  /** The first API key, once the key manager has made it. */
  apiKey?: string;
};

export type SecretStore = {
  current: Readonly<Secrets>;
  remember(change: Partial<Secrets>): void;
};

export function openSecrets(path: string): SecretStore {
  const kept = readKept(path);
  const store = {
    current: {
      adminSecret: kept.adminSecret ?? randomBytes(48).toString('base64url'),
      simulatorSecret: kept.simulatorSecret ?? randomBytes(24).toString('base64url'),
      // Hexadecimal, so that no word comes about in it by chance that the rules for passwords refuse.
      adminPassword: kept.adminPassword ?? randomBytes(16).toString('hex'),
      ...(kept.apiKey === undefined ? {} : { apiKey: kept.apiKey }),
    },
    remember(change: Partial<Secrets>): void {
      store.current = { ...store.current, ...change };
      const draft = `${path}.${process.pid}`;
      writeFileSync(draft, `${JSON.stringify(store.current, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(draft, path);
    },
  };
  store.remember({});
  return store;
}

function readKept(path: string): Partial<Secrets> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return {};
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) {
      return Object.fromEntries(Object.entries(content).filter(([, value]) => typeof value === 'string'));
    }
  } catch {
    // reported below with the path
  }
  throw new OperatorError(`${path} is not readable as JSON; restore it, or delete it to get new credentials.`);
}
