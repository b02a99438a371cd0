import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { RouterContext } from '@koa/router';
import type { LiveKeys } from '../../keys/live-keys.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { Places } from '../../public/records/places.ts';
import { streamAnswer } from '../../public/stream-answer.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import { toSessionKey } from '../session-access/session-key.ts';
import { startErrorExport } from './error-export.ts';
import type { ErrorsRequest } from './errors-query.ts';

export interface ErrorExportDeps {
  readonly tracker: ErrorTracker;
  readonly liveKeys: LiveKeys;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly places: Places;
  readonly now: () => number;
}

export interface ErrorExportOptions {
  readonly maxExports: number;
  readonly stallMs: number;
}

const CONTENT_TYPE = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
} as const;

/** Everything that matches, as a file that ends with the session. Two entries in the audit, like any export. */
export async function answerErrorExport(
  context: RouterContext<AdminState>,
  { filters, format }: ErrorsRequest & { format: keyof typeof CONTENT_TYPE },
  { deps, options }: { deps: ErrorExportDeps; options: ErrorExportOptions },
): Promise<void> {
  const leave = deps.places.enter();
  if (!leave) {
    const detail = `${options.maxExports} exports are under way (RELAY_MAX_EXPORTS): try again when one is through`;
    throw new ProblemError('too_many_exports', detail);
  }
  try {
    const by = actorOf(context);
    const tell = (outcome: 'begun' | 'done' | 'cut_off', more: Record<string, unknown>) =>
      deps.audit.write({
        ...{ action: 'errors.export', ...by, target: 'errors', outcome },
        details: { format, query: filters, ...more },
      });
    const rows = await startErrorExport(deps.tracker, filters, deps.now);
    tell('begun', {});
    // The file lives on the session as a client's would on its key.
    context.state.key = toSessionKey(signedInOf(context.state));
    streamAnswer(context, deps.liveKeys, {
      name: `errors_${new Date(deps.now()).toISOString().replace(/[-:]|\.\d+/g, '')}.${format}`,
      contentType: CONTENT_TYPE[format],
      chunks: rows.lines(format),
      stallMs: options.stallMs,
      isReading: () => rows.isReading,
      onClose: isWhole => {
        leave();
        tell(isWhole ? 'done' : 'cut_off', { rows: rows.count });
      },
    });
  } catch (error) {
    leave();
    throw error;
  }
}
