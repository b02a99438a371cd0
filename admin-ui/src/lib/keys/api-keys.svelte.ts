import type { ListedApiKeyAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import type { AdminApi } from '../api/admin-api.ts';
import { Loaded } from '../api/loaded.svelte.ts';

/** Last use and connections change by themselves. */
const REFRESH_MS = 10_000;

/** All keys, newest first, as the relay lists them. */
export class ApiKeys {
  readonly listed: Loaded<readonly ListedApiKeyAnswer[]>;

  constructor(api: AdminApi) {
    this.listed = new Loaded(async signal => {
      const { apiKeys } = await api.get<{ apiKeys: ListedApiKeyAnswer[] }>('api-keys', {}, signal);
      return apiKeys.toSorted((one, other) => other.id - one.id);
    });
  }

  /** For an effect. */
  watch(): () => void {
    return this.listed.keepLoading(REFRESH_MS);
  }
}
