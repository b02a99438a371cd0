import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { listenToApiKeys, selectApiKeysById } from '@3cx-relay/shared/store/api-keys.ts';
import { type RowWatch, watchRows } from '../changes/row-watch.ts';
import type { APIKeyManager } from './api-key-manager.ts';
import { isKeyId } from './key-input.ts';
import type { LiveKeys } from './live-keys.ts';
import { toValidation } from './validation.ts';

export interface KeyWatchDeps {
  readonly keys: Pick<APIKeyManager, 'forgetKey' | 'learn' | 'rememberedKeyIds'>;
  readonly live: Pick<LiveKeys, 'keyIds' | 'review'>;
  readonly logger: Logger;
}

/** Ends what hangs on a key that was revoked or narrowed, and forgets what was remembered of it. */
export function watchKeys(deps: KeyWatchDeps, options: { databaseUrl: string; sweepMs: number }): RowWatch<number> {
  const { keys, live, logger } = deps;
  return watchRows(
    {
      what: 'API keys',
      listen: listenToApiKeys,
      parseId: payload => (isKeyId(Number(payload)) ? Number(payload) : null),
      forget: id => keys.forgetKey(id),
      idsInUse: () => [...keys.rememberedKeyIds(), ...live.keyIds()],
      async review(client, ids) {
        const rows = new Map((await selectApiKeysById(client, ids)).map(row => [row.id, row]));
        for (const id of ids) {
          const validation = toValidation(rows.get(id));
          keys.learn(id, validation);
          live.review(id, validation);
        }
      },
    },
    options,
    logger,
  );
}
