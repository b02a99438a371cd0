import { readFile } from 'node:fs/promises';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSettings, showSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { type AboutAnswer, pbxDatabase } from '@3cx-relay/shared/wire/admin/about.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import type { RelayConfig } from '../../config.ts';
import type { HealthReport } from '../../health.ts';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { AdminState } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';

export interface AboutDeps {
  readonly auth: AdminAuth;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly report: () => Promise<HealthReport>;
  readonly config: RelayConfig;
}

const serviceStatus = z.object({ pid: z.int(), database: pbxDatabase.nullish().catch(null) });

const WITHIN_MS = 1_500;
/** From the panel, which is served at `admin/`, whatever stands before that. */
const LINKS = {
  health: '../relay/health',
  docs: '../relay/docs',
  openapi: '../relay/openapi.json',
  asyncapi: '../relay/asyncapi.json',
  changelog: 'changelog',
};
const CHANGELOG = new URL('../../../../install/CHANGELOG.md', import.meta.url);

/** `GET /admin/about`: what runs here, and with which settings. `GET /admin/changelog`: what is new in it, as text. */
export function addAbout(router: Router<AdminState>, deps: AboutDeps): void {
  const { redis, keys, config } = deps;
  const startedAt = new Date(Date.now() - process.uptime() * 1_000).toISOString();

  /** Null: it does not say that it runs, or nobody can be asked. */
  async function readStatus(key: string): Promise<z.output<typeof serviceStatus> | null> {
    try {
      return serviceStatus.parse(JSON.parse((await within(WITHIN_MS, redis.get(key))) ?? ''));
    } catch {
      return null;
    }
  }

  router.get('/admin/about', deps.auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    const settings = within(WITHIN_MS, readSettings(redis, keys)).catch((error: unknown) => messageOf(error));
    const [health, found, ingest, worker] = await Promise.all([
      deps.report(),
      settings,
      readStatus(keys.ingestStatus),
      readStatus(keys.workerStatus),
    ]);
    const { pid: _, state, error = null, ...pbx } = health.components.pbx;
    const running = new Map([
      ['relay', process.pid],
      ['ingest', ingest?.pid],
      ['worker', worker?.pid],
    ]);
    const known = typeof found === 'string' ? new Map<string, Readonly<Record<string, unknown>>>() : found;
    context.body = {
      version: health.version,
      node: process.version,
      startedAt,
      pbx: {
        ...pbx,
        ...{ id: keys.pbxId, state, error, url: urlOf(known.get('ingest')) },
        database: ingest?.database ?? null,
      },
      services: ['ingest', 'relay', 'worker'].map(service => ({
        service,
        pid: running.get(service) ?? null,
        settings: known.get(service) ?? null,
      })),
      config: showSettings(config),
      links: LINKS,
      missing: typeof found === 'string' ? [`settings of the services: Redis does not answer (${found})`] : [],
    } satisfies AboutAnswer;
  });

  router.get('/admin/changelog', deps.auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    try {
      context.body = await readFile(CHANGELOG, 'utf8');
    } catch {
      throw new ProblemError('not_found', 'this installation came without its list of changes');
    }
    context.type = 'text/plain; charset=utf-8';
  });
}

function urlOf(settings: Readonly<Record<string, unknown>> | undefined): string | null {
  const { PBX_URL: url, FQDN: fqdn } = settings ?? {};
  if (typeof url === 'string') return url;
  return typeof fqdn === 'string' ? `https://${fqdn}` : null;
}
