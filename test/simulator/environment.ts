import { z } from 'zod';
import { LAYOUTS } from './database/layout.ts';
import type { SimulatorOptions } from './simulator.ts';

const whole = (fallback: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(0, 'must be 0 or more')
    .default(fallback);

const schema = z.object({
  SIM_PORT: whole(0).pipe(z.number().max(65_535, 'must be a TCP port, 0 for a free one')),
  SIM_CLIENT_ID: z.string().min(1, 'must not be empty').default('relay'),
  SIM_CLIENT_SECRET: z.string().min(1, 'must not be empty').default('simulated-secret'),
  SIM_CALLS_PER_MINUTE: z.coerce.number({ error: 'must be a number' }).min(0, 'must be 0 or more').default(20),
  SIM_TIME_SCALE: z.coerce.number({ error: 'must be a number' }).positive('must be more than 0').default(0.25),
  SIM_SEED: whole(1),
  SIM_EXTENSIONS: whole(30).pipe(z.number().min(2, 'must be 2 or more').max(800, 'must be at most 800')),
  SIM_DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/./, 'must be the address of a PostgreSQL role that may create databases and roles')
    .optional(),
  SIM_DATABASE_NAME: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,49}$/, 'must be lower-case letters, digits and "_", at most 50')
    .default('database_single'),
  SIM_DATABASE_LAYOUT: z.enum(LAYOUTS, { error: `must be one of ${LAYOUTS.join(', ')}` }).default('v20'),
  SIM_DATABASE_LATE_MS: whole(3000),
  SIM_INI_DIR: z.string().min(1, 'must not be empty').optional(),
});

/** What `main.ts` reads from its environment, or one error with a sentence per wrong value. */
export function parseEnvironment(env: Readonly<Record<string, string | undefined>>): SimulatorOptions {
  const result = schema.safeParse(env);
  if (!result.success) {
    throw new Error(result.error.issues.map(issue => `${issue.path.join('.')} ${issue.message}.`).join(' '));
  }
  const { data } = result;
  return {
    port: data.SIM_PORT,
    clientId: data.SIM_CLIENT_ID,
    clientSecret: data.SIM_CLIENT_SECRET,
    callsPerMinute: data.SIM_CALLS_PER_MINUTE,
    timeScale: data.SIM_TIME_SCALE,
    seed: data.SIM_SEED,
    extensions: data.SIM_EXTENSIONS,
    lateness: { maxMs: data.SIM_DATABASE_LATE_MS },
    ...(data.SIM_DATABASE_URL === undefined
      ? {}
      : {
          database: {
            adminUrl: data.SIM_DATABASE_URL,
            name: data.SIM_DATABASE_NAME,
            layout: data.SIM_DATABASE_LAYOUT,
            ...(data.SIM_INI_DIR === undefined ? {} : { iniDir: data.SIM_INI_DIR }),
          },
        }),
  };
}

/** Keys with our prefix that nobody reads: a misspelt setting should not pass in silence. */
export function unknownKeys(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).filter(key => key.startsWith('SIM_') && !(key in schema.shape));
}
