/**
 * The first Ctrl-C asks for an orderly stop, a second one ends everything at once. One key press can arrive two or
 * three times: from the terminal, from npm and from the first stage, each passing it on; within half a second they
 * are the same wish.
 */
const sameWishMs = 500;

export function listenForStop(onSecond: () => void): AbortSignal {
  const stop = new AbortController();
  let firstAt: number | undefined;
  const onSignal = (): void => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      stop.abort();
    } else if (now - firstAt > sameWishMs) {
      onSecond();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // The first stage is gone, even if it could not tell us why.
  process.once('disconnect', () => stop.abort());
  process.channel?.unref();
  return stop.signal;
}
