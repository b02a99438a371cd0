import type { ListedApiKeyAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import { formatAgo } from '../format/ago.ts';
import { dateFormat } from '../format/lazy-intl.ts';
import type { Tone } from '../format/words.ts';

export interface KeyBadge {
  readonly label: string;
  readonly tone: Tone;
  /** Why it is worth knowing. */
  readonly title: string;
}

const DAY_MS = 24 * 3_600_000;
const UNUSED_DAYS = 90;
const SOON_DAYS = 14;
const day = dateFormat({ day: 'numeric', month: 'short', year: 'numeric' });

export function formatDay(time: string | number): string {
  return day.format(typeof time === 'string' ? Date.parse(time) : time);
}

/** Whether it opens anything. */
export function isInForce({ state }: Pick<ListedApiKeyAnswer, 'state'>): boolean {
  return state === 'active' || state === 'rotated';
}

export function stateBadge({ state, expiresAt, revokedAt }: ListedApiKeyAnswer): KeyBadge {
  switch (state) {
    case 'active':
      return { label: 'Active', tone: 'ok', title: 'In force' };
    case 'rotated':
      return {
        label: expiresAt === null ? 'Rotated' : `Rotated, until ${formatDay(expiresAt)}`,
        tone: 'warn',
        title: 'Another key is in its place; until then both are in force',
      };
    case 'expired':
      return { label: 'Expired', tone: 'calm', title: expiresAt === null ? '' : `On ${formatDay(expiresAt)}` };
    case 'revoked':
      return { label: 'Revoked', tone: 'calm', title: revokedAt === null ? '' : `On ${formatDay(revokedAt)}` };
  }
}

/** What somebody who looks after keys should see of one that is in force. */
export function careBadges(key: ListedApiKeyAnswer, now: number): KeyBadge[] {
  if (!isInForce(key)) return [];
  const badges: KeyBadge[] = [];
  const usedAt = key.lastUsedAt === null ? null : Date.parse(key.lastUsedAt);
  if (usedAt === null) {
    badges.push({ label: 'Never used', tone: 'calm', title: `Made ${formatAgo(Date.parse(key.createdAt), now)}` });
  } else if (now - usedAt > UNUSED_DAYS * DAY_MS) {
    const title = `Used last ${formatAgo(usedAt, now)}: does anybody need it?`;
    badges.push({ label: `Unused ${UNUSED_DAYS} days`, tone: 'warn', title });
  }
  if (key.expiresAt === null) {
    badges.push({ label: 'Never expires', tone: 'warn', title: 'It opens the relay until somebody revokes it' });
  } else if (key.state === 'active' && Date.parse(key.expiresAt) - now < SOON_DAYS * DAY_MS) {
    const title = 'Rotate it, so that its client goes on';
    badges.push({ label: `Expires ${formatAgo(Date.parse(key.expiresAt), now)}`, tone: 'warn', title });
  }
  return badges;
}
