/**
 * Those who ask while a read is under way share the next one: everybody gets what was read after he asked, as if he had
 * read it himself, and a crowd that asks at once costs two reads.
 *
 * Unlike `shareAnswer` nobody gets anything older than his question.
 */
export function shareReads<Key, Value>(read: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
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
    const start = () => {
      next.delete(key);
      return begin(key);
    };
    // Why the one before failed is its callers' affair.
    const reading = current.then(start, start);
    next.set(key, reading);
    return reading;
  }

  return key => {
    const current = running.get(key);
    return current ? (next.get(key) ?? beginBehind(key, current)) : begin(key);
  };
}
