/**
 * The epochs of one channel, oldest first. Numbers go on growing from one epoch to the next, so the list says for any
 * number which epoch it belongs to.
 */
export interface EpochStart {
  readonly epoch: string;
  /** The first number of this epoch. */
  readonly first: number;
}

export function parseEpochs(text: string | null): EpochStart[] {
  if (!text) return [];
  return text.split(',').map(part => {
    const [epoch = '', first = ''] = part.split(':');
    return { epoch, first: Number(first) };
  });
}

export function formatEpochs(epochs: readonly EpochStart[]): string {
  return epochs.map(({ epoch, first }) => `${epoch}:${first}`).join(',');
}

/** The epoch that a number belongs to; of a number before the first epoch, the first. Undefined when there is none. */
export function epochOf(epochs: readonly EpochStart[], seq: number): string | undefined {
  for (let i = epochs.length - 1; i >= 0; i -= 1) {
    const start = epochs[i];
    if (start && seq >= start.first) return start.epoch;
  }
  return epochs[0]?.epoch;
}

/** The first that is later than this one, which they need not contain: epochs sort by time. */
export function epochAfter(epochs: readonly EpochStart[], epoch: string): EpochStart | undefined {
  return epochs.find(start => start.epoch > epoch);
}

/** Whether one of these epochs, of which a reader has seen nothing, has numbers that he has seen in another one. */
export function beganWithin(unseen: readonly EpochStart[], seenUntil: number): boolean {
  return unseen.some(({ first }) => first <= seenUntil);
}
