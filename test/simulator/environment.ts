import { z } from 'zod';
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
  };
}

/** Keys with our prefix that nobody reads: a misspelt setting should not pass in silence. */
export function unknownKeys(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).filter(key => key.startsWith('SIM_') && !(key in schema.shape));
}
