import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { Ring } from '../live/ring.ts';
import { isSameLog } from './same-log.ts';
import type { TieredLog } from './tiered-log.ts';

/** The tail looks for a log that was begun again at least every second, and may be blocked in a read for as long. */
const MAX_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 25;

/**
 * What Redis holds, once the ring is of the same log. A log that was lost and begun again is found here before the tail
 * finds it; until then the ring has entries under numbers that the new log gives out again.
 *
 * @throws when Redis is away, or the tail does not come to know
 */
export async function settledInfo(deps: { log: TieredLog; ring: Ring }, channel: Channel): Promise<LogInfo> {
  const { log, ring } = deps;
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const info = await log.hotInfo(channel);
    if (isSameLog(ring, info.epochs)) {
      ring.learn(info.epochs);
      return withWhatWasRead(info, ring);
    }
    if (performance.now() > deadline) {
      throw Object.assign(new Error(`the log of ${channel} was begun again and is not read yet`), {
        code: 'ETIMEDOUT',
      });
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/**
 * What this process has read is as good as what Redis says. A failover that loses its tail puts the end of the log behind it,
 * until the next entry begins an epoch; meta data that were forgotten leave only what was known at some earlier look. Nobody
 * who has seen more is sent back to get it again.
 */
function withWhatWasRead(info: LogInfo, ring: Ring): LogInfo {
  const last = ring.epochs.at(-1)?.epoch;
  if (last === undefined) return info;
  if (info.epochs.some(({ epoch }) => epoch === last)) return { ...info, head: Math.max(info.head, ring.head) };
  return { ...info, epochs: ring.epochs, head: ring.head };
}
