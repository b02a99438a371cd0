/** The time, to the second, as state: what shows a duration reads it and ticks. */
export class Clock {
  now = $state(Date.now());
  #timer: ReturnType<typeof setInterval> | undefined;

  start(): void {
    this.stop();
    this.#timer = setInterval(() => {
      this.now = Date.now();
    }, 1_000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
