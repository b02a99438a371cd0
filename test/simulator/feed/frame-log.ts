/**
 * Every frame in the order it was sent: the ground truth a relay's log is compared with.
 *
 * A frame's bytes are stored once, in blocks outside the JavaScript heap, and the sockets send views of the same bytes.
 * Two million frames as strings would be 2 M heap objects and seconds of garbage collection in the middle of a burst.
 * The oldest block goes when the limit is reached; numbers never repeat, not even over a restart of the PBX.
 */
export type LoggedFrame = { bytes: Buffer; n: number };
export type FrameKind = 'frame' | 'garbage-frame' | 'garbage-text' | 'garbage-binary';

type Block = {
  firstN: number;
  count: number;
  used: number;
  bytes: Buffer;
  ends: Uint32Array;
  at: Float64Array;
  /** Bit n: handed to a socket of the API client with number n. */
  deliveredTo: Uint32Array;
  flags: Uint8Array;
};

const BLOCK_FRAMES = 8192;
const BLOCK_BYTES = 1024 * 1024;
const GARBAGE_TEXT = 1;
const GARBAGE_BINARY = 2;
const GARBAGE_FRAME = 4;
const ANY_CLIENT = 0xffff_ffff;
const FLAG_OF: Record<FrameKind, number> = {
  frame: 0,
  'garbage-frame': GARBAGE_FRAME,
  'garbage-text': GARBAGE_TEXT,
  'garbage-binary': GARBAGE_BINARY,
};

export class FrameLog {
  readonly #maxFrames: number;
  readonly #blocks: Block[] = [];
  #lastN = 0;

  constructor(maxFrames: number) {
    this.#maxFrames = maxFrames;
  }

  append(content: string | Buffer, entry: { at: number; deliveredTo: number; kind: FrameKind }): LoggedFrame {
    const size = Buffer.byteLength(content);
    const block = this.#blockFor(size);
    const start = block.used;
    if (typeof content === 'string') block.bytes.write(content, start);
    else content.copy(block.bytes, start);
    block.used += size;
    block.ends[block.count] = block.used;
    block.at[block.count] = entry.at;
    block.flags[block.count] = FLAG_OF[entry.kind];
    block.deliveredTo[block.count] = entry.deliveredTo;
    block.count++;
    return { bytes: block.bytes.subarray(start, block.used), n: ++this.#lastN };
  }

  get last(): number {
    return this.#lastN;
  }

  /** The oldest number still kept. */
  get first(): number {
    return this.#blocks[0]?.firstN ?? this.#lastN + 1;
  }

  /**
   * A page as JSON text. The stored text of a frame is pasted in as it is: what was sent is shown byte for byte, and a
   * page of 10,000 costs no parsing. `next` is the `after` of the following page. `delivered` speaks of the clients in
   * the mask, of all when it is left out.
   */
  pageJson(afterN: number, limit: number, clientMask = ANY_CLIENT): string {
    const parts: string[] = [];
    let next = Math.max(afterN, this.first - 1);
    for (const block of this.#blocks) {
      if (parts.length >= limit) break;
      if (block.firstN + block.count <= next + 1) continue;
      for (let index = next + 1 - block.firstN; index < block.count && parts.length < limit; index++) {
        parts.push(frameJson(block, index, clientMask));
        next = block.firstN + index;
      }
    }
    return `{"frames":[${parts.join(',')}],"first":${this.first},"last":${this.#lastN},"next":${next}}`;
  }

  #blockFor(size: number): Block {
    const current = this.#blocks.at(-1);
    if (current && current.count < BLOCK_FRAMES && current.used + size <= current.bytes.length) return current;
    const block: Block = {
      firstN: this.#lastN + 1,
      count: 0,
      used: 0,
      bytes: Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, size)),
      ends: new Uint32Array(BLOCK_FRAMES),
      at: new Float64Array(BLOCK_FRAMES),
      deliveredTo: new Uint32Array(BLOCK_FRAMES),
      flags: new Uint8Array(BLOCK_FRAMES),
    };
    this.#blocks.push(block);
    while (this.#blocks.length > 1 && this.#lastN - (this.#blocks[1]?.firstN ?? 0) + 1 >= this.#maxFrames) {
      this.#blocks.shift();
    }
    return block;
  }
}

function frameJson(block: Block, index: number, clientMask: number): string {
  const bytes = block.bytes.subarray(index === 0 ? 0 : block.ends[index - 1], block.ends[index]);
  const flags = block.flags[index] ?? 0;
  const isDelivered = ((block.deliveredTo[index] ?? 0) & clientMask) !== 0;
  const head = `{"n":${block.firstN + index},"at":${block.at[index]},"delivered":${isDelivered}`;
  if (flags & GARBAGE_BINARY) return `${head},"frame":null,"raw":"${bytes.toString('base64')}","encoding":"base64"}`;
  const text = bytes.toString();
  if (flags & GARBAGE_TEXT) return `${head},"frame":null,"raw":${JSON.stringify(text)}}`;
  return flags & GARBAGE_FRAME ? `${head},"frame":${text},"raw":${JSON.stringify(text)}}` : `${head},"frame":${text}}`;
}
