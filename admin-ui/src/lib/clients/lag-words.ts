import type { ClientChannel, ConnectedClient } from '@3cx-relay/shared/wire/admin/clients.ts';
import { formatCount } from '../format/numbers.ts';
import { formatSpan } from '../format/time.ts';
import type { Tone } from '../format/words.ts';

/** From how many seconds on a client counts as late, behind and far behind. */
const LATE_S = 1;
const BEHIND_S = 10;
const FAR_S = 60;

export type Lag = Pick<ClientChannel, 'lagEvents' | 'lagSeconds'>;

export function lagWords({ lagEvents, lagSeconds }: Lag): { word: string; tone: Tone; detail: string | null } {
  const detail =
    lagEvents === 0 ? null : `${formatCount(lagEvents)} ${lagEvents === 1 ? 'event' : 'events'}, ${spanOf(lagSeconds)}`;
  if (lagSeconds < LATE_S) return { word: 'Live', tone: 'ok', detail: null };
  if (lagSeconds < BEHIND_S) return { word: 'Late', tone: 'calm', detail };
  return lagSeconds < FAR_S ? { word: 'Behind', tone: 'warn', detail } : { word: 'Far behind', tone: 'bad', detail };
}

function spanOf(seconds: number): string {
  return formatSpan(seconds * 1_000);
}

/** Of the channel that is furthest behind; who follows none is not behind. */
export function worstLag({ channels }: Pick<ConnectedClient, 'channels'>): Lag {
  let worst: Lag = { lagEvents: 0, lagSeconds: 0 };
  for (const lag of channels) {
    if (lag.lagSeconds > worst.lagSeconds || (lag.lagSeconds === worst.lagSeconds && lag.lagEvents > worst.lagEvents)) {
      worst = lag;
    }
  }
  return worst;
}
