import type { ListedApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import type { ListedApiKeyAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';

export function toListedKey(
  key: ListedApiKey,
  now: number,
  use: Pick<ListedApiKeyAnswer, 'connections' | 'requests24h'>,
): ListedApiKeyAnswer {
  const { permissions, dns, addresses, createdAt, lastUsedAt, expiresAt, revokedAt, ...rest } = key;
  return {
    ...rest,
    permissions: [...permissions],
    dns: dns && [...dns],
    addresses: addresses && [...addresses],
    createdAt: createdAt.toISOString(),
    lastUsedAt: toText(lastUsedAt),
    expiresAt: toText(expiresAt),
    revokedAt: toText(revokedAt),
    state: stateOf(key, now),
    ...use,
  };
}

function stateOf({ active, expiresAt, replacedBy }: ListedApiKey, now: number): ListedApiKeyAnswer['state'] {
  if (!active) return 'revoked';
  if (expiresAt && expiresAt.getTime() <= now) return 'expired';
  return replacedBy === null ? 'active' : 'rotated';
}

function toText(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
