import { readFile } from 'node:fs/promises';
import type { Environment } from '@3cx-relay/shared/runtime/config.ts';
import { relayUrlOf } from '../find-relay.ts';
import type { Installation } from '../installation.ts';
import { readReadiness } from '../release/services.ts';
import { inspectCertificate, judgeCertificate, statusOf } from './certificate.ts';
import { type Check, type CheckContext, type Finding, failure, NOT_INSTALLED, ok, unknown, warning } from './check.ts';
import { listenersOn } from './listeners.ts';

const WITHIN_MS = 4_000;
const NOTHING_RUNS = unknown('nothing runs in this checkout');

/** The relay and the other services, as their clients and systemd see them. */
export const relayChecks: readonly Check[] = [
  {
    name: 'port',
    of: 'relay',
    run: async ({ settings }) => {
      const url = relayUrlOf(settings);
      if (url === undefined) return NOTHING_RUNS;
      const { hostname, port, protocol } = new URL(url);
      const number = Number(port || (protocol === 'https:' ? 443 : 80));
      await fetch(`${url}/relay/health`, { signal: AbortSignal.timeout(WITHIN_MS) }).catch(cause => {
        throw new Error(`nothing answers at ${url}`, { cause });
      });
      if (hostname !== '127.0.0.1' && hostname !== 'localhost') return ok(`${url} answers`);
      const open = (await readListeners(number)).filter(address => !isLoopback(address));
      if (open.length === 0) return ok(`port ${number} answers, on loopback alone`);
      const text = `port ${number} is open to the network at ${open.join(', ')}, without TLS`;
      return warning(text, 'set HOST=127.0.0.1 and let nginx speak to clients');
    },
  },
  {
    name: 'health',
    of: 'relay',
    run: async ({ settings }) => {
      const url = relayUrlOf(settings);
      if (url === undefined) return NOTHING_RUNS;
      const answer = await fetch(`${url}/relay/health`, { signal: AbortSignal.timeout(WITHIN_MS) });
      const { status, version, components } = (await answer.json()) as {
        status: string;
        version: string;
        components: Record<string, { state: string }>;
      };
      const bad = Object.entries(components).filter(([, { state }]) => state !== 'up' && state !== 'absent');
      const names = bad.map(([name, { state }]) => `${name} ${state}`).join(', ');
      if (status === 'ok') return ok(`the relay (version ${version}) says ok`);
      const text = `the relay says ${status}: ${names}`;
      const fix = 'the lines below say what is wrong with each';
      return status === 'down' ? failure(text, fix) : warning(text, fix);
    },
  },
  ...(['ingest', 'relay', 'worker'] as const).map(name => ({
    name: `ready-${name}`,
    of: name,
    run: async ({ installation }: CheckContext): Promise<Finding> => {
      const service = installation?.services.find(each => each.name === name);
      if (!service) return NOT_INSTALLED;
      const { isReady, isStandby, reasons } = await readReadiness(service);
      if (isReady) return ok(`${name} is ready`);
      if (isStandby) return ok(`${name} waits for another one to go: ${reasons.join('; ')}`);
      return failure(`${name} is not ready: ${reasons.join('; ')}`, `look at "journalctl -u ${service.unit}"`);
    },
  })),
  {
    name: 'public-address',
    of: 'relay',
    run: async ({ installation, settings, now }) => {
      if (!installation) return NOT_INSTALLED;
      if (installation.values.NGINX === 'none') return unknown('nginx is not ours here');
      const host = publicHostOf(installation.values, settings.values);
      if (!host) return unknown('install.env says no public address');
      const address = new URL(`https://${host}${installation.values.PUBLIC_PATH ?? ''}/relay/health`);
      const status = await statusOf(address, WITHIN_MS);
      if (status !== 200 && status !== 503) {
        const fix = 'look at the nginx file that install.env names, and whether nginx was reloaded';
        return failure(`${address} answers ${status} instead of the relay`, fix);
      }
      return judgeCertificate('the public address', await inspectCertificate(address, WITHIN_MS), now());
    },
  },
  {
    name: 'nginx',
    of: 'relay',
    run: async ({ installation, run }) => {
      if (!installation) return NOT_INSTALLED;
      if (installation.values.NGINX === 'none') return unknown('nginx is not ours here');
      const tested = await run('nginx', '-t');
      if (tested.isMissing) return failure('nginx is not on this machine', 'install it, or run install.sh --no-nginx');
      if (tested.code === 0) return ok('nginx accepts its configuration');
      const reason = tested.errors.split('\n').find(line => line.includes('[emerg]')) ?? tested.errors.trim();
      return failure(`nginx refuses its configuration: ${reason}`, 'correct it: nginx cannot be reloaded or restarted');
    },
  },
];

/**
 * Where clients find the relay; undefined: nobody said. Beside a 3CX the server is that of the PBX, whatever this machine
 * calls itself: SERVER_NAME of install.env is for a site of its own.
 */
export function publicHostOf(
  { NGINX, SERVER_NAME }: Installation['values'],
  { FQDN, PBX_URL }: Environment,
): string | undefined {
  const pbx = FQDN || (PBX_URL && URL.canParse(PBX_URL) ? new URL(PBX_URL).host : undefined);
  return NGINX === 'snippet' ? pbx || SERVER_NAME || undefined : SERVER_NAME || undefined;
}

/** IPv4 and IPv6 addresses that somebody on this machine listens on. */
async function readListeners(port: number): Promise<string[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map(path => readFile(path, 'utf8').catch(() => '')),
  );
  return tables.flatMap(table => listenersOn(table, port));
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}
