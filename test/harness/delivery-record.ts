import { crc32 } from 'node:zlib';

/** What one client got, kept small: numbers and checksums, so that a hundred clients and an hour of events have room. */
export type ClientAccount = {
  connections: number;
  received: number;
  firstSeq: number;
  lastSeq: number;
  /** Entries that did not follow the one before: lost, doubled or out of order. The first few. */
  breaks: string[];
  /** Gaps that are no entries: what this client alone was told to have missed. */
  ownGaps: string[];
};

export type DeliveryRecord = {
  account: ClientAccount;
  take(seq: number, checksum: number): void;
  takeOwnGap(text: string): void;
  /** Of everything received, in the order received: number and checksum by turns. */
  items(): Uint32Array;
};

const KEPT = 10;
const FIRST_ROOM = 1_024;

/** A gap's words depend on which epochs are known; that it came counts. */
export const GAP_CHECKSUM = 0;

/** Of an entry's body without its first brace, as it stands behind type and id in a message. */
export function checksumOf(body: string | Buffer): number {
  return crc32(body);
}

/** `isKeeping` false counts only. */
export function createDeliveryRecord(isKeeping: boolean): DeliveryRecord {
  const account: ClientAccount = { connections: 0, received: 0, firstSeq: 0, lastSeq: 0, breaks: [], ownGaps: [] };
  let items = new Uint32Array(isKeeping ? FIRST_ROOM : 0);
  let used = 0;
  return {
    account,
    take(seq, checksum) {
      if (account.received === 0) account.firstSeq = seq;
      else if (seq !== account.lastSeq + 1 && account.breaks.length < KEPT)
        account.breaks.push(`${seq} after ${account.lastSeq}`);
      account.received += 1;
      account.lastSeq = seq;
      if (!isKeeping) return;
      if (used + 2 > items.length) {
        const larger = new Uint32Array(items.length * 2);
        larger.set(items);
        items = larger;
      }
      items[used] = seq;
      items[used + 1] = checksum;
      used += 2;
    },
    takeOwnGap(text) {
      if (account.ownGaps.length < KEPT) account.ownGaps.push(text);
    },
    items: () => items.slice(0, used),
  };
}
