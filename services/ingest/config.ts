import { commonConfig, databaseConfig, integer, url } from '@3cx-relay/shared/runtime/config.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { z } from 'zod';
import { HOST, pbxUrlFrom } from './pbx/pbx-address.ts';

const MIB = 1024 * 1024;

/** Everything ingest reads from its environment; the keys we invented carry the prefix INGEST_. */
export const ingestConfig = {
  ...commonConfig,
  /** Read once, before the first append, and watched; ingest itself works without it. */
  DATABASE_URL: databaseConfig.DATABASE_URL.optional(),
  PBX_URL: url(['http', 'https'], 'https://pbx.example.com:5001')
    // They would be in the log, and take the place of the token.
    .refine(
      text => !URL.canParse(text) || new URL(text).username === '',
      'must be without a name and a password: CLIENT_ID and CLIENT_SECRET sign in',
    )
    .optional(),
  FQDN: z
    .string()
    .regex(HOST, 'must be a host name with an optional port, for example pbx.example.com:5001')
    .optional(),
  CLIENT_ID: z.string({ error: 'is required: the client id of the API client in the 3CX admin console' }).min(1),
  CLIENT_SECRET: z.string({ error: 'is required: the API key that 3CX showed when the API client was created' }).min(1),
  CALLCONTROL_AUTH: z
    .enum(['auto', 'bearer', 'basic'], { error: 'must be one of auto, bearer, basic' })
    .default('auto'),
  SPOOL_DIR: z.string().default('.data/spool'),
  SPOOL_MAX_BYTES: integer({ min: MIB, max: 1024 * 1024 * MIB, default: 256 * MIB }),
  INGEST_LEASE_MS: integer({ min: 1_000, max: 600_000, default: 10_000 }),
  INGEST_MAX_REST_MS: integer({ min: 0, max: 1_000, default: 5 }),
  INGEST_GET_DEADLINE_MS: integer({ min: 10, max: 60_000, default: 1_000 }),
  INGEST_GET_CONCURRENCY: integer({ min: 1, max: 512, default: 32 }),
  INGEST_WINDOW_FRAMES: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  INGEST_WINDOW_BYTES: integer({ min: MIB, max: 4096 * MIB, default: 64 * MIB }),
  INGEST_MAX_FRAME_BYTES: integer({ min: 1_024, max: 64 * MIB, default: MIB }),
  INGEST_RECONCILE_MS: integer({ min: 1_000, max: 3_600_000, default: 45_000 }),
  INGEST_SNAPSHOT_DEADLINE_MS: integer({ min: 100, max: 60_000, default: 5_000 }),
  INGEST_END_GRACE_MS: integer({ min: 0, max: 60_000, default: 2_000 }),
  INGEST_QUEUE_LOOK_MS: integer({ min: 500, max: 600_000, default: 5_000 }),
  INGEST_COMMAND_TIMEOUT_MS: integer({ min: 100, max: 60_000, default: 8_000 }),
  INGEST_PING_MS: integer({ min: 100, max: 60_000, default: 5_000 }),
  INGEST_PONG_DEADLINE_MS: integer({ min: 100, max: 120_000, default: 10_000 }),
  INGEST_RECONNECT_QUICK_MS: integer({ min: 10, max: 60_000, default: 1_000 }),
  INGEST_RECONNECT_FIRST_MS: integer({ min: 10, max: 60_000, default: 5_000 }),
  INGEST_RECONNECT_MAX_MS: integer({ min: 10, max: 600_000, default: 30_000 }),
  INGEST_RECORDS_DELAYS_MS: z
    .string()
    .regex(
      /^\d{1,8}(,\d{1,8})*$/,
      'must be times in ms after the end of a call, each less than a day, for example 3000,10000,30000',
    )
    .default('3000,10000,30000,90000')
    .transform(text =>
      text
        .split(',')
        .map(Number)
        .toSorted((one, other) => one - other),
    ),
  INGEST_RECORDS_WAITING: integer({ min: 1, max: 1_000_000, default: 5_000 }),
  INGEST_LOOK_BACK_ENTRIES: integer({ min: 200, max: 1_000_000, default: 20_000 }),
  INGEST_RECORDS_TOLERANCE_MS: integer({ min: 100, max: 60_000, default: 3_000 }),
  INGEST_RECORDS_GIVE_UP_MS: integer({ min: 1_000, max: 86_400_000, default: 3_600_000 }),
  INGEST_SILENCE_MS: integer({ min: 0, max: 3_600_000, default: 15_000 }),
  INGEST_XAPI_TIMEOUT_MS: integer({ min: 100, max: 300_000, default: 10_000 }),
  INGEST_XAPI_ATTEMPTS: integer({ min: 1, max: 10, default: 3 }),
  INGEST_XAPI_MAX_BYTES: integer({ min: 64 * 1024, max: 1024 * MIB, default: 16 * MIB }),
  INGEST_XAPI_CIRCUIT_FAILURES: integer({ min: 1, max: 1_000, default: 5 }),
  INGEST_XAPI_CIRCUIT_OPEN_MS: integer({ min: 100, max: 600_000, default: 5_000 }),
  PBX_INI: z.string().min(1).optional(),
  PBX_DB_URL: url(['postgres', 'postgresql'], 'postgres://logsreader:secret@127.0.0.1:5432/database_single').optional(),
  INGEST_DB_CONNECT_TIMEOUT_MS: integer({ min: 100, max: 60_000, default: 3_000 }),
  INGEST_DB_STATEMENT_TIMEOUT_MS: integer({ min: 100, max: 600_000, default: 30_000 }),
  INGEST_DB_MAX_SEGMENTS: integer({ min: 1, max: 1_000_000, default: 5_000 }),
};

export type IngestConfig = Readonly<z.infer<z.ZodObject<typeof ingestConfig>>>;

/** Where the PBX answers, without a trailing slash. `PBX_URL` wins, for a PBX behind a local port or a simulator. */
export function pbxUrlOf(config: Pick<IngestConfig, 'PBX_URL' | 'FQDN'>): string {
  const address = config.PBX_URL ?? config.FQDN;
  if (address !== undefined) return pbxUrlFrom(address);
  throw new OperatorError('CONFIG_INVALID', 'FQDN is required, for example pbx.example.com (or PBX_URL with scheme)');
}
