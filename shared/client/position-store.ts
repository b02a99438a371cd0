import type { Channel } from '../wire/channels.ts';

/**
 * Where positions outlive the program. What is saved was dealt with, and not everything that was dealt with is saved
 * when a program dies: after that, the latest items come a second time.
 */
export interface PositionStore {
  /** Null or undefined: nothing was saved yet. */
  load(channel: Channel): Promise<string | null | undefined> | string | null | undefined;
  save(channel: Channel, position: string): Promise<void> | void;
}

/** For one life of the program: a stream that is begun again goes on where the one before has ended. */
export function memoryPositions(): PositionStore {
  const positions = new Map<Channel, string>();
  return {
    load: channel => positions.get(channel),
    save: (channel, position) => void positions.set(channel, position),
  };
}

/** What of the browser's `Storage` is needed. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** In `localStorage` or `sessionStorage`, one item per channel: `<key>:<channel>`. Tabs that share a key share a position. */
export function localStoragePositions(storage: TextStorage, key: string): PositionStore {
  return {
    load: channel => storage.getItem(`${key}:${channel}`),
    save: (channel, position) => storage.setItem(`${key}:${channel}`, position),
  };
}
