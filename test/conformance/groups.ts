/**
 * What of the public suite is run, by the names of its outermost groups. A group that stands in neither list fails, so
 * that a new version of the suite cannot bring one that nobody decided about; so does one that is not there any more.
 */
export const coreGroups: readonly string[] = [
  'Basic Stream Operations',
  'Append Operations',
  'Read Operations',
  'Long-Poll Operations',
  'HTTP Protocol',
  'Browser Security Headers',
  'Case-Insensitivity',
  'Content-Type Validation',
  'HEAD Metadata',
  'Offset Validation and Resumability',
  'Protocol Edge Cases',
  'Long-Poll Edge Cases',
  'Caching and ETag',
  'Chunking and Large Payloads',
  'Read-Your-Writes Consistency',
  'SSE Mode',
  'JSON Mode',
  'Property-Based Tests (fast-check)',
];

const noExpiry = 'a channel has no time to live: what leaves it is decided by retention, and readers are told with 410';
const noForks = 'a channel cannot be branched: clients only read';

export const leftOutGroups: ReadonlyMap<string, string> = new Map([
  ['TTL and Expiry Validation', noExpiry],
  ['TTL and Expiry Edge Cases', noExpiry],
  ['TTL Expiration Behavior', noExpiry],
  ['HEAD Metadata Edge Cases', noExpiry],
  ['Idempotent Producer Operations', 'clients do not write: ingest alone does, with a sequence of its own'],
  ['Stream Closure', 'a channel never ends'],
  ['Fork - Creation', noForks],
  ['Fork - Reading', noForks],
  ['Fork - Appending', noForks],
  ['Fork - Recursive', noForks],
  ['Fork - Live Modes', noForks],
  ['Fork - Deletion and Lifecycle', noForks],
  ['Fork - TTL and Expiry', noForks],
  ['Fork - JSON Mode', noForks],
  ['Fork - Edge Cases', noForks],
  ['Reserved subscription APIs', 'webhooks are no part of the read path; the suite itself leaves them out by default'],
]);
