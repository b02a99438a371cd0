/** By the first word of Redis' answer, which is the same in every version of it. */
const ADVICE = new Map([
  ['OOM', 'raise maxmemory in redis.conf, or lower LOG_MAX_BYTES'],
  ['NOREPLICAS', 'bring its replicas back; min-replicas-to-write says how many it wants in step'],
  ['MISCONF', 'free the disk of Redis or mend it; the log of Redis says what could not be written'],
  ['READONLY', 'it is a replica: name the master in REDIS_URL, or the Sentinels that know it'],
  ['NOPERM', 'the user in REDIS_URL needs the right to write (ACL)'],
]);

/**
 * What Redis said when it refused a write, with what to do about it; null for every other failure.
 * A Redis that refuses writes goes on answering reads: whoever only asks whether it is there finds it well.
 */
export function writeRefusalOf(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null;
  const advice = ADVICE.get(error.message.split(' ', 1)[0] ?? '');
  return advice === undefined ? null : `Redis refuses writes (${error.message.replace(/\.$/, '')}): ${advice}`;
}
