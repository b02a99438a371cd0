import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Plays frames at a rate; resolves when the last one was sent. */
export async function playBurst(system: System, load: { seconds: number; perSecond: number }): Promise<void> {
  const { seconds, perSecond } = load;
  await system.sim('POST', '/sim/burst', { events: Math.round(seconds * perSecond), perSecond });
  await waitFor(async () => !(await system.sim<{ running: boolean }>('GET', '/sim/burst')).running, {
    what: 'the end of the burst',
    timeoutMs: seconds * 2_000 + 60_000,
    everyMs: 200,
  });
}

const PIECE_SECONDS = 2;

/** The same in pieces, until what happens meanwhile is over, and one more for those who are back. */
export async function playWhile(system: System, perSecond: number, meanwhile: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = meanwhile.finally(() => {
    isOver = true;
  });
  // Who is told of a failure is told behind the piece that is being played.
  over.catch(() => undefined);
  while (!isOver) await playBurst(system, { seconds: PIECE_SECONDS, perSecond });
  await over;
  await playBurst(system, { seconds: PIECE_SECONDS, perSecond });
}
