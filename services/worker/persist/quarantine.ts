import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { isServerTrouble } from '@3cx-relay/shared/store/data-error.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';

/**
 * Keeps a channel from standing still for ever at entries that nobody foresaw.
 *
 * What the values of a row are to blame for is put aside at once (in-halves.ts). Of the rest, the server's own trouble is
 * waited for, however long. What remains, a constraint, a trigger, a mistake of ours, may pass: so the same batch is
 * tried again, and only when it failed for the same reason many times in a row it is taken apart, with any such error
 * counting as the entry's own. The entries it stands at are put aside as dead letters, and the channel goes on.
 */
export interface Quarantine {
  /** True when batches of this channel are to be taken apart. */
  isOpen(channel: Channel): boolean;
  /** Storing what is behind this position failed. */
  failed(channel: Channel, position: LogPosition | null, error: unknown): void;
  /** The channel got on, and so many were put aside. */
  passed(channel: Channel, putAside: number): void;
}

/** Attempts come every second, or with the log: about ten seconds, so that a deploy in between may mend it. */
const FAILURES = 10;
/** After the last entry that was put aside: others behind it must not cost the channel ten seconds each. */
const OPEN_MS = 60_000;

interface Standstill {
  readonly at: string;
  readonly reason: string;
  readonly failures: number;
  readonly openUntil: number;
}

export function createQuarantine(
  to: { readonly logger: Logger; readonly errors?: ErrorSink | undefined },
  failuresUntilOpen = FAILURES,
): Quarantine {
  const standstills = new Map<Channel, Standstill>();
  const isOpen = (channel: Channel) => (standstills.get(channel)?.openUntil ?? 0) > performance.now();
  return {
    isOpen,
    failed(channel, position, error) {
      if (isServerTrouble(error) || isOpen(channel)) return;
      const [at, reason] = [keyOf(position), reasonOf(error)];
      const before = standstills.get(channel);
      const isSame = before?.at === at && before.reason === reason;
      const failures = isSame ? before.failures + 1 : 1;
      const isEnough = failures >= failuresUntilOpen;
      standstills.set(channel, { at, reason, failures, openUntil: isEnough ? performance.now() + OPEN_MS : 0 });
      if (!isEnough) return;
      announce(to, {
        component: 'persist',
        severity: 'critical',
        message: `copying the channel "${channel}" failed again and again at the same place: the entries that it fails at are put aside as dead letters, and the channel goes on without them; see their reason, mend it, and retry them`,
        details: { position, failures, error },
      });
    },
    passed(channel, putAside) {
      const standstill = standstills.get(channel);
      if (!standstill) return;
      if (!isOpen(channel)) standstills.delete(channel);
      else if (putAside > 0) standstills.set(channel, { ...standstill, openUntil: performance.now() + OPEN_MS });
    },
  };
}

function keyOf(position: LogPosition | null): string {
  return position ? `${position.epoch} ${position.seq}` : '';
}

/** Numbers and names in a message may differ between attempts at the same batch; its SQLSTATE or kind does not. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code || (error instanceof Error ? error.name : messageOf(error));
}
