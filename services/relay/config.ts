import { fileURLToPath } from 'node:url';
import { commonConfig, databaseConfig, integer } from '@3cx-relay/shared/runtime/config.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import { z } from 'zod';
import { adminSecret } from './admin-secret.ts';
import { allowedOrigins } from './public/origins.ts';
import { trustedProxies } from './public/trusted-proxies.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Everything the relay can be told; `.env.example` says it in words. */
export const relayConfig = {
  ...commonConfig,
  ...databaseConfig,
  PORT: integer({ min: 0, max: 65_535, default: 8082 }),
  HOST: z.string().default('127.0.0.1'),
  ADMIN_SECRET: adminSecret,
  /** Whether this instance serves the panel and the admin API. */
  ADMIN_ENABLED: z.stringbool({ error: 'must be true or false' }).default(true),
  /** Where the built panel lies. */
  ADMIN_PANEL_DIR: z.string().default(fileURLToPath(new URL('../../admin-ui/build', import.meta.url))),
  /** How long somebody stays signed in to the panel. */
  ADMIN_SESSION_MS: integer({ min: 1_000, max: 30 * 86_400_000, default: 86_400_000 }),
  /** After how long without use that ends; 0: it does not. Use is written down four times a minute. */
  ADMIN_SESSION_IDLE_MS: integer({ min: 0, max: 30 * 86_400_000, default: 43_200_000 }).refine(
    ms => ms === 0 || ms >= 60_000,
    'must be 0 or at least 60000',
  ),
  ADMIN_SESSION_SWEEP_MS: integer({ min: 100, max: 3_600_000, default: 10_000 }),
  ADMIN_MAX_SESSIONS_PER_USER: integer({ min: 1, max: 1_000, default: 50 }),
  ADMIN_FAILED_SIGN_INS_PER_ADDRESS: integer({ min: 1, max: 100_000, default: 30 }),
  ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: integer({ min: 1, max: 100_000, default: 5 }),
  ADMIN_FAILED_SIGN_INS_PER_USER: integer({ min: 1, max: 100_000, default: 50 }),
  ADMIN_FAILED_SIGN_INS_WINDOW_MS: integer({ min: 1_000, max: 86_400_000, default: 900_000 }),
  ADMIN_LOCKOUT_MS: integer({ min: 1_000, max: 86_400_000, default: 60_000 }),
  ADMIN_MAX_LOCKOUT_MS: integer({ min: 1_000, max: 7 * 86_400_000, default: 3_600_000 }),
  ADMIN_FAILED_SIGN_IN_AUDITS_PER_MINUTE: integer({ min: 1, max: 10_000, default: 30 }),
  ADMIN_TEMPORARY_PASSWORD_MS: integer({ min: 1_000, max: 30 * 86_400_000, default: 86_400_000 }),
  /** Who may use the panel only with a second factor. */
  ADMIN_REQUIRE_SECOND_FACTOR: z
    .enum(['none', 'admins', 'all'], { error: 'must be none, admins or all' })
    .default('none'),
  /** Connections to PostgreSQL for what the panel shows. */
  ADMIN_MAX_READS: integer({ min: 1, max: 100, default: 3 }),
  ADMIN_RECONNECT_TIMEOUT_MS: integer({ min: 500, max: 120_000, default: 20_000 }),
  ADMIN_MAX_CONNECTION_HISTORY_DAYS: integer({ min: 1, max: 400, default: 31 }),
  ADMIN_MAX_NEW_KEYS_PER_HOUR: integer({ min: 1, max: 100_000, default: 30 }),
  RELAY_CLIENTS_WAIT_MS: integer({ min: 50, max: 30_000, default: 1_000 }),
  RELAY_MAX_LISTED_CLIENTS: integer({ min: 1, max: 100_000, default: 1_000 }),
  /** Pages of other sites that may use the relay from a browser. */
  RELAY_ALLOWED_ORIGINS: allowedOrigins,
  /** Whose `X-Real-IP` and `X-Forwarded-Proto` are believed, beside those of this host. */
  RELAY_TRUSTED_PROXIES: trustedProxies,
  RELAY_TICKET_TTL_MS: integer({ min: 100, max: 600_000, default: 30_000 }),
  RELAY_STREAM_PASS_TTL_MS: integer({ min: 1_000, max: 7 * 86_400_000, default: 3_600_000 }),
  /** Of one holder within that time: a quarter of a kilobyte of Redis each. */
  RELAY_MAX_STREAM_PASSES: integer({ min: 10, max: 10_000_000, default: 10_000 }),
  RELAY_FAILED_KEYS_PER_MINUTE: integer({ min: 1, max: 1_000_000, default: 30 }),
  RELAY_FAILED_KEYS_BLOCK_MS: integer({ min: 1_000, max: 86_400_000, default: 60_000 }),
  RELAY_MAX_ANONYMOUS_REQUEST_ENTRIES_PER_SECOND: integer({ min: 1, max: 1_000_000, default: 10 }),
  RELAY_HEARTBEAT_MS: integer({ min: 200, max: 300_000, default: 15_000 }),
  RELAY_MAX_CONNECTIONS: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  /** Connections of which no whole request has come. */
  RELAY_MAX_HALF_OPEN: integer({ min: 10, max: 1_000_000, default: 10_000 }),
  RELAY_KEY_MAX_CONNECTIONS: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  RELAY_KEY_REQUESTS_PER_SECOND: integer({ min: 1, max: 1_000_000, default: 1_000 }),
  RELAY_KEY_SWEEP_MS: integer({ min: 100, max: 3_600_000, default: 10_000 }),
  RELAY_MAX_MESSAGE_BYTES: integer({ min: KIB, max: 16 * MIB, default: 64 * KIB }),
  RELAY_MAX_MESSAGES_PER_SECOND: integer({ min: 1, max: 10_000, default: 20 }),
  RELAY_MAX_REFUSED_MESSAGES: integer({ min: 1, max: 10_000, default: 10 }),
  RELAY_CLIENT_STALL_MS: integer({ min: 1_000, max: 86_400_000, default: 600_000 }),
  RELAY_CLIENT_BYTES: integer({ min: 16 * KIB, max: 256 * MIB, default: MIB }),
  RELAY_SEND_BYTES: integer({ min: MIB, max: 65_536 * MIB, default: 256 * MIB }),
  RELAY_COMPRESSION: z.stringbool({ error: 'must be true or false' }).default(false),
  RELAY_RING_BYTES: integer({ min: MIB, max: 4096 * MIB, default: 32 * MIB }),
  RELAY_PAGE_ENTRIES: integer({ min: 10, max: 10_000, default: 500 }),
  RELAY_PAGE_CACHE_BYTES: integer({ min: 0, max: 65_536 * MIB, default: 32 * MIB }),
  RELAY_MAX_READS: integer({ min: 1, max: 1_000, default: 8 }),
  RELAY_MAX_COLD_READS: integer({ min: 1, max: 100, default: 3 }),
  RELAY_MAX_WAITING_REQUESTS: integer({ min: 1, max: 100_000, default: 1_000 }),
  RELAY_STREAM_LONG_POLL_MS: integer({ min: 100, max: 300_000, default: 20_000 }),
  RELAY_STREAM_SSE_MS: integer({ min: 1_000, max: 3_600_000, default: 60_000 }),
  // A tail that only waits must not count as one that gets no answer.
  RELAY_BLOCK_MS: integer({ min: 100, max: SILENT_AFTER_MS - 1_500, default: 1_000 }),
  RELAY_MAX_PACE_MS: integer({ min: 0, max: 1_000, default: 15 }),
  RELAY_MAX_COMMANDS: integer({ min: 1, max: 1_000, default: 32 }),
  RELAY_COMMAND_TIMEOUT_MS: integer({ min: 500, max: 60_000, default: 10_000 }),
  /** Of one holder, each kept for a day: a kilobyte of Redis, or two. */
  RELAY_MAX_IDEMPOTENCY_KEYS: integer({ min: 100, max: 10_000_000, default: 50_000 }),
  RELAY_MAX_RECORD_READS: integer({ min: 1, max: 1_000, default: 4 }),
  RELAY_MAX_RECORDS_DAYS: integer({ min: 1, max: 10_000, default: 366 }),
  RELAY_RECORDS_TIMEOUT_MS: integer({ min: 500, max: 600_000, default: 40_000 }),
  RELAY_RECORDS_STALL_MS: integer({ min: 100, max: 3_600_000, default: 120_000 }),
  RELAY_MAX_EXPORTS: integer({ min: 1, max: 1_000, default: 3 }),
  RELAY_EXPORT_STALL_MS: integer({ min: 100, max: 3_600_000, default: 120_000 }),
  RELAY_MAX_HISTORY_READS: integer({ min: 1, max: 100, default: 4 }),
  /** A third of a kilobyte each, written as JSON at once. The sums of everybody are 1,500 at most. */
  RELAY_MAX_STATISTICS_ROWS: integer({ min: 10, max: 1_000_000, default: 20_000 }),
  RELAY_MAX_TIMELINE_ENTRIES: integer({ min: 10, max: 10_000, default: 1_000 }),
  RELAY_DRAIN_MS: integer({ min: 0, max: 60_000, default: 2_000 }),
};

export type RelayConfig = z.infer<z.ZodObject<typeof relayConfig>>;
