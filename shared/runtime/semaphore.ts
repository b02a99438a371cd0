/** At most so many hold it at once; the others wait in the order in which they came. */
export type Semaphore = <Value>(work: () => Promise<Value>) => Promise<Value>;

export function createSemaphore(limit: number): Semaphore {
  let taken = 0;
  const waiting: (() => void)[] = [];
  return async work => {
    if (taken < limit) taken += 1;
    else await new Promise<void>(resolve => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes from hand to hand: nobody who comes now can take it in between.
      const next = waiting.shift();
      if (next) next();
      else taken -= 1;
    }
  };
}
