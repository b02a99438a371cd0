import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { MonitoredSocket } from './monitored.ts';

const LOOK_EVERY_MS = 20;

/**
 * Resolves when a socket is open that was opened after the one given; rejects when the try that was just begun failed,
 * or the signal ends the wait.
 */
export async function awaitSocket(
  socket: MonitoredSocket,
  { openedAfter, signal }: { openedAfter: number | null; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    if (socket.state === 'connected' && socket.openSince !== openedAfter) return;
    if (socket.state === 'down') throw new Error(socket.error ?? 'the PBX could not be reached');
    await sleep(LOOK_EVERY_MS, signal);
  }
  throw new Error('the PBX did not take the call-control socket in time');
}
