import { setTimeout as delay } from 'node:timers/promises';

/**
 * Those who ask while a read is under way share the next one: everybody gets what was read after he asked, as if he had
 * read it himself. The next one rests for `restMs` before it begins, so that a crowd that comes one after the other, as
 * fast as reads are answered, costs no read each. Who comes alone waits for nobody.
 *
 * Unlike `shareAnswer` nobody gets anything older than his question.
 */
export function shareReads<Key, Value>(
  read: (key: Key) => Promise<Value>,
  { restMs }: { restMs: number },
): (key: Key) => Promise<Value> {
  const running = new Map<Key, Promise<Value>>();
  const next = new Map<Key, Promise<Value>>();

  function begin(key: Key): Promise<Value> {
    const reading = read(key).finally(() => {
      if (running.get(key) === reading) running.delete(key);
    });
    running.set(key, reading);
    return reading;
  }

  function beginBehind(key: Key, current: Promise<Value>): Promise<Value> {
    const start = async () => {
      await delay(restMs);
      next.delete(key);
      return begin(key);
    };
    // Why the one before failed is its callers' affair.
    const reading = current.then(start, start);
    next.set(key, reading);
    return reading;
  }

  return key => {
    const waiting = next.get(key);
    if (waiting) return waiting;
    const current = running.get(key);
    return current ? beginBehind(key, current) : begin(key);
  };
}
