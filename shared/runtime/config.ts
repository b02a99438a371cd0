import { z } from 'zod';
import { messageOf, OperatorError } from './operator-error.ts';
import { parseRedisUrl } from './redis-url.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An integer within bounds, with its default; the bounds are part of the error message. */
export function integer(limits: { min: number; max: number; default: number }): z.ZodDefault<z.ZodCoercedNumber> {
  return z.coerce
    .number({
      error: `must be a whole number from ${limits.min} to ${limits.max}`,
    })
    .int(`must be a whole number from ${limits.min} to ${limits.max}`)
    .min(limits.min, `must be at least ${limits.min}`)
    .max(limits.max, `must be at most ${limits.max}`)
    .default(limits.default) as z.ZodDefault<z.ZodCoercedNumber>;
}

export function url(protocols: readonly string[], example: string): z.ZodString {
  return z
    .string({ error: `is required, for example ${example}` })
    .refine(
      text => URL.canParse(text) && protocols.includes(new URL(text).protocol.replace(':', '')),
      `must be a URL that starts with ${protocols.map(name => `${name}://`).join(' or ')}, for example ${example}`,
    );
}

function redisUrl(): z.ZodString {
  return z.string({ error: 'is required, for example redis://127.0.0.1:6379' }).superRefine((text, context) => {
    try {
      parseRedisUrl(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
    }
  });
}

/** What every process reads. */
export const commonConfig = {
  PBX_ID: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "-" or "_"')
    .default('main'),
  REDIS_URL: redisUrl(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      error: 'must be one of trace, debug, info, warn, error, fatal',
    })
    .default('info'),
  INTERNAL_PORT: integer({ min: 0, max: 65_535, default: 0 }),
  INTERNAL_HOST: z.string().default('127.0.0.1'),
};

export const databaseConfig = {
  DATABASE_URL: url(['postgres', 'postgresql'], 'postgres://relay:secret@127.0.0.1:5432/relay'),
};

const SECRET_KEY = /SECRET|PASSWORD|TOKEN/;

/** The value's shape, never the value itself where it may be a secret. */
function shapeOf(key: string, value: string | undefined): string {
  if (value === undefined) return 'not set';
  if (value === '') return 'empty';
  if (SECRET_KEY.test(key) || key.endsWith('_URL')) return `${value.length} characters`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/**
 * Reads one process's configuration once. Every wrong key is named together with what it is and what would be right.
 * An empty value counts as not set, as in an `.env` file with `KEY=`.
 *
 * @throws OperatorError `CONFIG_INVALID`
 */
export function readConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: Environment,
): Readonly<z.infer<z.ZodObject<Shape>>> {
  const given = Object.fromEntries(
    Object.keys(shape)
      .map(key => [key, env[key]])
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = z.object(shape).safeParse(given);
  if (result.success) return Object.freeze(result.data);
  const lines = result.error.issues.map(issue => {
    const key = String(issue.path[0] ?? '');
    return `${key} ${issue.message} (it is ${shapeOf(key, env[key])})`;
  });
  throw new OperatorError('CONFIG_INVALID', lines.join('; '));
}

/** Keys that carry our prefix but that this process does not know: most often a typing error. */
export function unknownKeys(shape: z.ZodRawShape, env: Environment, prefix: string): string[] {
  return Object.keys(env).filter(key => key.startsWith(prefix) && !(key in shape));
}
