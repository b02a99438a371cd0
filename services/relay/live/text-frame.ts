/** First byte of an unfragmented text frame (RFC 6455 §5.2), and the bit that says it is compressed (RFC 7692 §6). */
const FIN_TEXT = 0x81;
const COMPRESSED = 0x40;

export function frameHeaderLength(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header of one unfragmented text frame from a server; returns the offset behind it. */
export function writeFrameHeader(target: Buffer, offset: number, payloadBytes: number): number {
  return writeHeader(target, offset, { first: FIN_TEXT, payloadBytes });
}

/** A text frame around bytes that are UTF-8. */
export function framed(payload: Buffer): Buffer {
  return frame(FIN_TEXT, payload);
}

/** The same around a payload that permessage-deflate compressed. */
export function deflatedFrame(payload: Buffer): Buffer {
  return frame(FIN_TEXT | COMPRESSED, payload);
}

function frame(first: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderLength(payload.length) + payload.length);
  payload.copy(bytes, writeHeader(bytes, 0, { first, payloadBytes: payload.length }));
  return bytes;
}

function writeHeader(target: Buffer, offset: number, header: { first: number; payloadBytes: number }): number {
  const { first, payloadBytes } = header;
  target[offset] = first;
  if (payloadBytes < 126) {
    target[offset + 1] = payloadBytes;
    return offset + 2;
  }
  if (payloadBytes < 65_536) {
    target[offset + 1] = 126;
    return target.writeUInt16BE(payloadBytes, offset + 2);
  }
  target[offset + 1] = 127;
  return target.writeBigUInt64BE(BigInt(payloadBytes), offset + 2);
}
