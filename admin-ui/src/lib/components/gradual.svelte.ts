/**
 * How much of a list is there already: a few rows at first, more in each turn of the event loop, until all are. To make
 * all of it at once would hold up a telephone, which could then not scroll or answer a tap meanwhile.
 */
export class Gradual {
  /** Of how many rows there is more than their place. */
  count = $state(0);

  /** `first`: how many are there from the beginning. */
  constructor(first: number) {
    this.count = first;
  }

  /** For an effect; `total` is how many there are. */
  growTo(total: number): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grow = () => {
      if (this.count >= total) return;
      this.count += 1;
      timer = setTimeout(grow);
    };
    timer = setTimeout(grow);
    return () => clearTimeout(timer);
  }
}
