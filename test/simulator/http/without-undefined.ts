type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** An optional field that was left out must be absent for those below, not present and undefined. */
export function withoutUndefined<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Present<T>;
}
