/** The command was called wrongly: one sentence, the usage, and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
