import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { createOutageWatch } from '@3cx-relay/shared/errors/outage-watch.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { SocketNews } from '../pbx/callcontrol/callcontrol-websocket.ts';

/**
 * What an operator learns of the call-control socket: at once that it was lost or that the PBX forbids it, after a while
 * that it does not come back (or never came), and that it is there again.
 */
export interface ReportedSocket {
  readonly state: 'connected' | 'connecting' | 'down';
  readonly error: string | null;
  subscribe(handler: (news: SocketNews) => void): () => void;
}

const COMPONENT = 'websocket';
const LOOK_EVERY_MS = 1_000;
const AWAY_AFTER_MS = 30_000;

export function reportConnection(
  socket: ReportedSocket,
  to: { logger: Logger; errors?: ErrorSink | undefined },
  awayAfterMs: number = AWAY_AFTER_MS,
): { stop(): void } {
  let isAway = false;
  let refusal: string | null = null;
  let unauthorized = 0;
  /** Waiting mends none of these; but the usual reason of a first 401 is an old token, which the socket replaces. */
  const refused = (status: number, sentence: string) => {
    unauthorized = status === 401 ? unauthorized + 1 : 0;
    const isLasting = status === 403 || status === 404 || unauthorized > 1;
    if (!isLasting || sentence === refusal) return;
    refusal = sentence;
    isAway = true;
    to.errors?.logError(COMPONENT, 'critical', sentence);
  };
  // The socket itself writes these two into the log file, with what it does next.
  const unsubscribe = socket.subscribe(news => {
    if (news.kind === 'lost') {
      isAway = true;
      const message =
        'the PBX connection was lost and is being made again; calls of the meantime are healed from records';
      to.errors?.logError(COMPONENT, 'warning', message, { detail: news.detail });
    }
    if (news.kind === 'refused') refused(news.status, news.sentence);
    if (news.kind !== 'open') return;
    refusal = null;
    unauthorized = 0;
    if (isAway) {
      isAway = false;
      to.errors?.logError(COMPONENT, 'info', 'the PBX is connected again');
    }
  });
  const watch = createOutageWatch({
    problem: () => (socket.state === 'connected' ? null : (socket.error ?? 'the PBX has not answered yet')),
    everyMs: LOOK_EVERY_MS,
    tellAfterMs: awayAfterMs,
    onOutage(problem) {
      // Its reason was told when it began; this one would send the operator to the network.
      if (refusal !== null) return;
      isAway = true;
      const message = 'the PBX stays away, no call is seen: check the PBX, PBX_URL or FQDN, and the network between';
      announce(to, { component: COMPONENT, severity: 'critical', message, details: { problem } });
    },
    onEnd: () => undefined,
  });
  return {
    stop() {
      unsubscribe();
      watch.stop();
    },
  };
}
