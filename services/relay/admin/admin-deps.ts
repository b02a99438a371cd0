import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis, RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { HealthReport } from '../health.ts';
import type { APIKeyManager } from '../keys/api-key-manager.ts';
import type { LiveKeys } from '../keys/live-keys.ts';
import type { Tickets } from '../keys/tickets.ts';
import type { DeliveryWindow } from '../live/delivery-window.ts';
import type { PasswordHash } from '../passwords/password-hash.ts';

/** What the relay has opened already. */
export interface OpenAdminDeps {
  readonly connection: RedisConnection;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: PostgresPool['pool'];
  readonly queue: JobQueue<'pbx'>;
  readonly deliveries: DeliveryWindow;
  readonly report: () => Promise<HealthReport>;
  readonly tracker: ErrorTracker;
  readonly liveKeys: LiveKeys;
  readonly tickets: Tickets;
  readonly apiKeys: APIKeyManager;
  readonly clients: ClientDirectory;
  readonly passwordHash: PasswordHash;
  readonly audit: AuditLog;
  readonly errors: ErrorSink;
  readonly logger: Logger;
}
