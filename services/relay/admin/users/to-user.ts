import type { ListedAdminSession } from '@3cx-relay/shared/store/admin-sessions.ts';
import type { ListedAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { AdminSession, AdminUser } from '@3cx-relay/shared/wire/admin/users.ts';

export function toUser(user: ListedAdminUser, lockedUntil: Date | null): AdminUser {
  return {
    ...user,
    createdAt: user.createdAt.toISOString(),
    lastLoginAt: user.lastLoginAt?.toISOString() ?? null,
    passwordChangedAt: user.passwordChangedAt.toISOString(),
    lockedUntil: lockedUntil?.toISOString() ?? null,
  };
}

export function toSession(session: ListedAdminSession, currentId: string): AdminSession {
  return {
    ...session,
    isCurrent: session.id === currentId,
    createdAt: session.createdAt.toISOString(),
    lastSeenAt: session.lastSeenAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
  };
}
