/** Times the cost of handing out: a quarter of the process's time, as long as the wait stays below its limit. */
const REST_FACTOR = 3;

/**
 * How long to wait before reading on, after handing so many entries to everybody took `costMs`. An event that comes alone
 * goes out at once, and so does the next. When several came together, more will, and handing out is what the process
 * spends its time on: those that arrive during the wait share one write for each client. A fixed window would delay the
 * first and do too little for the second.
 */
export function paceMs(entries: number, costMs: number, maxPaceMs: number): number {
  return costMs < 1 ? 0 : Math.min(costMs * Math.min(entries - 1, REST_FACTOR), maxPaceMs);
}
