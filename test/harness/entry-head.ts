/** Bytes of a position on the wire: epoch, underscore, number. */
export const POSITION_BYTES = 25;

export type EntryHead = {
  readonly seq: number;
  readonly isGap: boolean;
  /** Where its position begins, and where its body goes on. */
  readonly positionAt: number;
  readonly end: number;
};

const BEFORE_TYPE = Buffer.from('{"type":"');
const BEFORE_POSITION = Buffer.from('","id":"');
const GAP = Buffer.from('{"type":"gap"');
const EPOCH_BYTES = 8;
const codeOf = (character: string) => character.charCodeAt(0);
const [UNDERSCORE, QUOTE, COMMA] = [codeOf('_'), codeOf('"'), codeOf(',')];
const [ZERO, NINE, LOWER_A, LOWER_Z] = [codeOf('0'), codeOf('9'), codeOf('a'), codeOf('z')];

/** The beginning of a message that carries an entry, `{"type":"call_event","id":"<epoch>_<16 digits>",`; null for others. */
export function readEntryHead(message: Buffer): EntryHead | null {
  if (!hasAt(message, BEFORE_TYPE, 0)) return null;
  let at = BEFORE_TYPE.length;
  while (isTypeByte(message[at])) at += 1;
  if (!hasAt(message, BEFORE_POSITION, at)) return null;
  const positionAt = at + BEFORE_POSITION.length;
  const seq = readNumber(message, positionAt);
  const end = positionAt + POSITION_BYTES + 2;
  if (seq === null || message[end - 2] !== QUOTE || message[end - 1] !== COMMA) return null;
  return { seq, isGap: hasAt(message, GAP, 0), positionAt, end };
}

function readNumber(bytes: Buffer, positionAt: number): number | null {
  for (let i = 0; i < EPOCH_BYTES; i += 1) if (!isEpochByte(bytes[positionAt + i])) return null;
  if (bytes[positionAt + EPOCH_BYTES] !== UNDERSCORE) return null;
  let seq = 0;
  for (let i = EPOCH_BYTES + 1; i < POSITION_BYTES; i += 1) {
    const byte = bytes[positionAt + i] ?? 0;
    if (byte < ZERO || byte > NINE) return null;
    seq = seq * 10 + byte - ZERO;
  }
  return seq;
}

function hasAt(bytes: Buffer, wanted: Buffer, at: number): boolean {
  for (let i = 0; i < wanted.length; i += 1) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

function isTypeByte(byte = 0): boolean {
  return isLetter(byte) || byte === UNDERSCORE;
}

function isEpochByte(byte = 0): boolean {
  return isLetter(byte) || (byte >= ZERO && byte <= NINE);
}

function isLetter(byte: number): boolean {
  return byte >= LOWER_A && byte <= LOWER_Z;
}
