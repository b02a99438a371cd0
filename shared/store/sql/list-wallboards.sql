-- $1 at most so many, the newest first
SELECT id, name, created_at AS "createdAt", created_by AS "createdBy", expires_at AS "expiresAt",
  last_seen_at AS "lastSeenAt", revoked_at AS "revokedAt"
FROM wallboards
ORDER BY id DESC
LIMIT $1
