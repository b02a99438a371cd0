import type { ErrorOccurrence } from '@3cx-relay/shared/errors/error-event.ts';
import type { ErrorGroup } from '@3cx-relay/shared/errors/error-groups.ts';
import type { ErrorGroupAnswer, ErrorSample } from '@3cx-relay/shared/wire/admin/errors.ts';

export function toErrorAnswer({ timestamp, firstSeen, acknowledgedAt, ...group }: ErrorGroup): ErrorGroupAnswer {
  return {
    ...group,
    timestamp: timestamp.toISOString(),
    firstSeen: firstSeen.toISOString(),
    acknowledgedAt: acknowledgedAt?.toISOString() ?? null,
  };
}

export function toErrorSample({
  id,
  at,
  severity,
  message,
  details,
  service,
  suppressed,
}: ErrorOccurrence): ErrorSample {
  return { id, at: at.toISOString(), severity, message, details, service, suppressed };
}
