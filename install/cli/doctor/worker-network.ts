import type { Environment } from '@3cx-relay/shared/runtime/config.ts';
import { type Finding, failure, ok } from './check.ts';

const HERE = /^(127\..*|localhost|\[?::1\]?)$/;

/**
 * The installer writes into the unit of the worker whether it may connect beyond this machine (install/steps/services.sh),
 * by the settings of that time. `denied` is what systemd says of the unit now; empty: nothing.
 */
export function judgeWorkerNetwork(denied: string, settings: Environment): Finding {
  if (denied === '') return ok('the worker may connect to any address');
  const { REDIS_URL, DATABASE_URL, INTERNAL_HOST } = settings;
  const hosts = { REDIS_URL: hostOf(REDIS_URL), DATABASE_URL: hostOf(DATABASE_URL), INTERNAL_HOST };
  const elsewhere = Object.entries(hosts).filter(([, host]) => host !== undefined && !HERE.test(host));
  if (elsewhere.length === 0) return ok('the worker may connect to this machine alone');
  const names = elsewhere.map(([name]) => name).join(' and ');
  return failure(
    `the worker may connect to this machine alone, and another one is named by ${names}`,
    'run install.sh again: it writes the unit by the settings',
  );
}

/** Undefined where nothing is set, or this user may not see it; a socket is here. */
function hostOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  if (url.startsWith('redis+unix:')) return 'localhost';
  return URL.canParse(url) ? new URL(url).hostname : url;
}
