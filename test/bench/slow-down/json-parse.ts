import { Socket } from 'node:net';

/**
 * Loaded in front of the relay: parses each message of each delivery once, as code would that looks into an event
 * before it sends it. Text frames from a server are not masked, so that they can be walked through as they are written.
 */
const FIN_TEXT = 0x81;
const write = Socket.prototype.write;

Socket.prototype.write = function slowWrite(this: Socket, ...args: unknown[]): boolean {
  const [chunk] = args;
  if (Buffer.isBuffer(chunk) && chunk[0] === FIN_TEXT) parseFrames(chunk);
  return Reflect.apply(write, this, args) as boolean;
} as typeof write;

function parseFrames(frames: Buffer): void {
  for (let at = 0; at + 2 <= frames.length && frames[at] === FIN_TEXT; ) {
    const short = (frames[at + 1] ?? 0) & 0x7f;
    const header = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (at + header > frames.length) return;
    const length =
      short === 127 ? Number(frames.readBigUInt64BE(at + 2)) : short === 126 ? frames.readUInt16BE(at + 2) : short;
    const end = at + header + length;
    if (end > frames.length) return;
    JSON.parse(frames.toString('utf8', at + header, end));
    at = end;
  }
}
