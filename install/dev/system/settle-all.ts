/**
 * Like Promise.all, but it returns only when every part has ended: whoever cleans up after a failure must not race
 * with parts that are still starting. `onFailure` lets the others give up early.
 */
export async function settleAll<const T extends readonly unknown[]>(
  parts: T,
  onFailure?: () => void,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  let failure: { reason: unknown } | undefined;
  const guarded = parts.map(async part => {
    try {
      return await part;
    } catch (reason) {
      failure ??= { reason };
      onFailure?.();
      return undefined;
    }
  });
  const results = await Promise.all(guarded);
  if (failure !== undefined) throw failure.reason;
  return results as { -readonly [K in keyof T]: Awaited<T[K]> };
}
