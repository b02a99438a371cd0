import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { ApiClient } from '../pbx/api-client.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import { createEntities, type EntityDeps, type XapiSettings } from './entities.ts';
import type { Row } from './entity-set.ts';
import { ODataError } from './odata-error.ts';
import { parseResourcePath, type ResourcePath } from './odata-path.ts';
import { type Page, pageOf, selected, selectedFields } from './odata-rows.ts';
import { PBX_VERSION } from './system-entities.ts';

export type XapiDeps = EntityDeps & { tokens: TokenOffice };
export type Xapi = { router: Router; settings: XapiSettings };

const ROOT = '/xapi/v1';

/**
 * The Configuration API: OData v4 over what the exchange knows (3cx.md §2). A client needs the tick, and for people and
 * call records the role of a system owner.
 */
export function createXapi(deps: XapiDeps): Xapi {
  const settings: XapiSettings = { callHistory: 'stale' };
  const { sets, singletons, callLog } = createEntities(deps, settings);
  const router = new Router();

  const read = (ctx: Context, path: ResourcePath, client: ApiClient): unknown => {
    const options = new URL(ctx.url, 'http://pbx').searchParams;
    const metadata = (name: string, select: readonly string[]): string =>
      `${ctx.protocol}://${ctx.host}${ROOT}/$metadata#${name}${select.length === 0 ? '' : `(${select.join(',')})`}`;
    const collection = (name: string, { rows, count, select }: Page): Row => ({
      '@odata.context': metadata(name, select),
      ...(count === null ? {} : { '@odata.count': count }),
      value: rows,
    });

    if (path.set === 'ReportCallLogData' && path.operation === 'Pbx.GetCallLogData' && path.key === null) {
      requireRole(client, 'system_owner');
      return collection(path.set, pageOf(callLog.rows(path.args), options, { type: callLog.type }));
    }
    const singleton = path.operation === null && path.key === null ? singletons[path.set] : undefined;
    if (singleton) {
      const select = selectedFields(options, singleton.type);
      return { '@odata.context': metadata(path.set, select), ...selected(singleton.row(), select) };
    }
    const set = path.operation === null ? sets[path.set] : undefined;
    if (!set) throw notFound(path);
    if (set.role) requireRole(client, set.role);
    if (path.set === 'CallHistoryView' && settings.callHistory === 'broken') throw new BrokenView();
    if (path.key === null) {
      const { type, ignoresOrder = false } = set;
      return collection(path.set, pageOf(set.rows(), options, { type, ignoresOrder }));
    }
    const row = set.rows().find(each => String(Object.values(each)[0]) === path.key);
    if (!row) throw notFound(path);
    const select = selectedFields(options, set.type);
    return { '@odata.context': `${metadata(path.set, select)}/$entity`, ...selected(row, select) };
  };

  router.all([ROOT, `${ROOT}/*path`], ctx => {
    const bearer = deps.tokens.accept(ctx.get('authorization'));
    if (!bearer) {
      ctx.set('www-authenticate', 'Bearer');
      ctx.status = 401;
      ctx.body = '';
      return;
    }
    ctx.set('OData-Version', '4.0');
    ctx.set('X-3CX-Version', PBX_VERSION);
    try {
      requireTick(bearer.client);
      const path = parseResourcePath(new URL(ctx.url, 'http://pbx').pathname.slice(ROOT.length + 1));
      if (!path) throw notFound();
      if (ctx.method === 'POST' && path.set === 'ActiveCalls' && path.operation === 'Pbx.DropCall') {
        if (!deps.engine.signal(Number(path.key), { kind: 'hangup', participantId: null })) throw notFound(path);
        ctx.status = 204;
        return;
      }
      if (ctx.method !== 'GET') throw new ODataError(405, 'The requested resource does not support this HTTP method.');
      ctx.body = read(ctx, path, bearer.client);
    } catch (error) {
      if (error instanceof BrokenView) {
        ctx.status = 500;
        ctx.body = '';
        return;
      }
      if (!(error instanceof ODataError)) throw error;
      ctx.status = error.status;
      ctx.body = error.envelope;
    }
  });

  return { router, settings };
}

/** It answers no envelope: the service behind it has failed. */
class BrokenView extends Error {}

function requireTick(client: ApiClient): void {
  if (client.hasXapi) return;
  throw new ODataError(403, 'Access to the 3CX Configuration API is not enabled for this client.', {
    code: 'XapiDisabled',
  });
}

function requireRole(client: ApiClient, role: ApiClient['role']): void {
  if (role === 'user' || client.role === role) return;
  throw new ODataError(403, 'Insufficient privileges: the role of this client does not permit this request.', {
    code: 'Forbidden',
  });
}

function notFound(path?: ResourcePath): ODataError {
  const target = path ? `${path.set}${path.operation === null ? '' : `/${path.operation}`}` : '';
  return new ODataError(404, 'Resource not found.', { target });
}
