import type { Clock } from '../pbx/clock.ts';
import type { EventAbout } from '../pbx/switchboard.ts';
import type { FrameKind, FrameLog } from './frame-log.ts';
import { isFrame } from './garbage.ts';
import type { SocketHub } from './socket-hub.ts';

const RESPONSE = 4;

/** Frames to keep back although somebody listens: what a reconcile has to find. Without a filter, any event. */
export type Loss = {
  count: number;
  eventType: number | null;
  dn: string | null;
  /** The next frame gets the number of the lost one, so that not even a hole in the sequence tells. */
  keepSequence: boolean;
};

type FeedDeps = {
  log: FrameLog;
  hub: SocketHub;
  clock: Clock;
  /** False for a DN that no API client lists. */
  isMonitored: (dn: string) => boolean;
};

type Passage = { dn?: string | null; isLost?: boolean; asText?: boolean };

/**
 * Turns events into frames. Recording and sending happen in the same breath, so the recorded order is the sent order;
 * `delivered` means handed to at least one open socket that is not stalled, which is all a PBX can know.
 *
 * An event on a DN that no API client lists is no frame: it takes no sequence number and is not recorded. One that some
 * client lists is recorded whether or not that client is connected.
 */
export class Feed {
  readonly #deps: FeedDeps;
  #sequence = 0;
  #announced = 0;
  #loss: Loss | null = null;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  /**
   * The frame text as captured from V20 (3cx.md §1.3), spelled by hand because dn and id need no escaping and this
   * line runs 20,000 times a second. `attached_data` is null on upserts and removes in every capture.
   */
  announce(eventType: number, entity: string, { dn, attachedData }: EventAbout): void {
    this.#announced++;
    if (!this.#deps.isMonitored(dn)) return;
    const sequence = ++this.#sequence;
    const data = attachedData === undefined ? 'null' : JSON.stringify(attachedData);
    this.#emit(
      `{"sequence":${sequence},"event":{"event_type":${eventType},"entity":"${entity}","attached_data":${data}}}`,
      'frame',
      { dn, isLost: this.#isToBeLost(eventType, dn) },
    );
  }

  lose(loss: Loss | null): void {
    this.#loss = loss;
  }

  get loss(): Loss | null {
    return this.#loss;
  }

  /** The sequence starts again although nothing restarted. */
  resetSequence(): void {
    this.#sequence = 0;
  }

  /** The answer to a request over the socket goes to the one who asked. Its outer shape is not captured (3cx.md C6, §7). */
  respond(asker: { socketId: number; clientNumber: number }, data: { Path: string } & Record<string, unknown>): void {
    const { log, hub, clock } = this.#deps;
    const event = { event_type: RESPONSE, entity: data.Path, attached_data: data };
    const deliveredTo = hub.isStalled ? 0 : 1 << asker.clientNumber;
    const text = JSON.stringify({ sequence: ++this.#sequence, event });
    const { bytes } = log.append(text, { at: clock.now(), deliveredTo, kind: 'frame' });
    if (deliveredTo !== 0) hub.sendTo(asker.socketId, bytes);
  }

  /** `asText` sends bytes that are no UTF-8 in a text frame, which a WebSocket library answers with close 1007. */
  garbage(content: string | Buffer, asText = false): void {
    this.#emit(content, kindOf(content), { asText });
  }

  /** The PBX restarts: whether a real one starts its sequence again is unknown (3cx.md §7), this one does. */
  reset(): void {
    this.resetSequence();
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Events so far, also those that nobody listed. */
  get announced(): number {
    return this.#announced;
  }

  #emit(content: string | Buffer, kind: FrameKind, { dn = null, isLost = false, asText = false }: Passage): void {
    const { log, hub, clock } = this.#deps;
    const deliveredTo = isLost ? 0 : hub.audience(dn);
    const { bytes } = log.append(content, { at: clock.now(), deliveredTo, kind });
    if (deliveredTo !== 0) hub.send(bytes, kind === 'garbage-binary' && !asText, dn);
  }

  /** Only a frame that somebody would have got can be lost. */
  #isToBeLost(eventType: number, dn: string): boolean {
    const loss = this.#loss;
    if (!loss || (loss.eventType !== null && loss.eventType !== eventType)) return false;
    if ((loss.dn !== null && loss.dn !== dn) || this.#deps.hub.audience(dn) === 0) return false;
    loss.count--;
    if (loss.count <= 0) this.#loss = null;
    if (loss.keepSequence) this.#sequence--;
    return true;
  }
}

function kindOf(garbage: string | Buffer): FrameKind {
  if (typeof garbage !== 'string') return 'garbage-binary';
  return isFrame(garbage) ? 'garbage-frame' : 'garbage-text';
}
