import { createPasswordHash } from '@3cx-relay/relay/passwords/password-hash.ts';

/** The real bcrypt at its lowest cost, and one thread of it for all tests of this worker: it ends with the process. */
export const cheapHash = createPasswordHash({ cost: 4 });
