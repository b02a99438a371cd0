import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { CdrCall, CdrSource } from './cdr.ts';

/**
 * Call detail records from the PBX's database, which knows most; from XAPI where there is no database, and where the
 * database cannot say. Once the first call was handed over the source does not change: the two do not count alike.
 */
export function createCdrSource(deps: {
  database: CdrSource & { readonly isConfigured: boolean };
  xapi: CdrSource;
  logger: Logger;
}): CdrSource {
  const { database, xapi, logger } = deps;
  let lastReason: string | null = null;

  const fromDatabase = async function* (start: Date, end: Date): AsyncGenerator<CdrCall, Error | null, undefined> {
    let isFirst = true;
    try {
      for await (const call of database.queryCDR(start, end)) {
        isFirst = false;
        yield call;
      }
      lastReason = null;
      return null;
    } catch (error) {
      if (!isFirst || !(error instanceof OperatorError)) throw error;
      return error;
    }
  };

  return {
    async *queryCDR(start, end) {
      if (!database.isConfigured) return yield* xapi.queryCDR(start, end);
      const refusal = yield* fromDatabase(start, end);
      if (!refusal) return;
      const reason = messageOf(refusal);
      if (reason !== lastReason) logger.warn(`call records are read from XAPI: ${reason}`);
      lastReason = reason;
      try {
        yield* xapi.queryCDR(start, end);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        throw new OperatorError('PBX_CDR_UNAVAILABLE', `${reason}. XAPI has them neither: ${error.message}`);
      }
    },
  };
}
