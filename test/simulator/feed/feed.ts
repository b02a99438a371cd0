import type { Clock } from '../pbx/clock.ts';
import type { FrameKind, FrameLog } from './frame-log.ts';
import type { SocketHub } from './socket-hub.ts';

const RESPONSE = 4;

type FeedDeps = { log: FrameLog; hub: SocketHub; clock: Clock };

/**
 * Turns events into frames. Recording and sending happen in the same breath, so the recorded order is the sent order;
 * `delivered` means handed to at least one open socket that is not stalled, which is all a PBX can know.
 */
export class Feed {
  readonly #deps: FeedDeps;
  #sequence = 0;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  /**
   * The frame text as captured from V20 (3cx.md §1.3), spelled by hand because dn and id need no escaping and this
   * line runs 20,000 times a second. `attached_data` is null on upserts and removes in every capture.
   */
  announce(eventType: number, entity: string): void {
    const sequence = ++this.#sequence;
    this.#emit(
      `{"sequence":${sequence},"event":{"event_type":${eventType},"entity":"${entity}","attached_data":null}}`,
      'frame',
    );
  }

  /** The answer to a request over the socket goes to the one who asked. Its outer shape is not captured (3cx.md C6, §7). */
  respond(socketId: number, entity: string, data: Readonly<Record<string, unknown>>): void {
    const { log, hub, clock } = this.#deps;
    const event = { event_type: RESPONSE, entity, attached_data: data };
    const delivered = !hub.isStalled;
    const text = JSON.stringify({ sequence: ++this.#sequence, event });
    const { bytes } = log.append(text, { at: clock.now(), delivered, kind: 'frame' });
    if (delivered) hub.sendTo(socketId, bytes);
  }

  garbage(content: string | Buffer): void {
    this.#emit(content, typeof content === 'string' ? 'garbage-text' : 'garbage-binary');
  }

  /** The PBX restarts: whether a real one starts its sequence again is unknown (3cx.md §7), this one does. */
  reset(): void {
    this.#sequence = 0;
  }

  get sequence(): number {
    return this.#sequence;
  }

  #emit(content: string | Buffer, kind: FrameKind): void {
    const { log, hub, clock } = this.#deps;
    const delivered = hub.isListening;
    const { bytes } = log.append(content, { at: clock.now(), delivered, kind });
    if (delivered) hub.send(bytes, kind === 'garbage-binary');
  }
}
