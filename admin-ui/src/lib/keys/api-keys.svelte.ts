import type { ApiKeysAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import type { AdminApi } from '../api/admin-api.ts';
import { Loaded } from '../api/loaded.svelte.ts';

/** Last use and connections change by themselves. */
const REFRESH_MS = 10_000;

/** All keys, newest first, as the relay lists them, and what it cannot tell of them. */
export class ApiKeys {
  readonly listed: Loaded<ApiKeysAnswer>;

  constructor(api: AdminApi) {
    this.listed = new Loaded(async signal => {
      const answer = await api.get<ApiKeysAnswer>('api-keys', {}, signal);
      return { ...answer, apiKeys: answer.apiKeys.toSorted((one, other) => other.id - one.id) };
    });
  }

  /** For an effect. */
  watch(): () => void {
    return this.listed.keepLoading(REFRESH_MS);
  }
}
