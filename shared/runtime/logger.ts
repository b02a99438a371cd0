import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Names under which a secret could reach a log line; pino replaces their values at these depths. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'password',
  'apiKey',
  'clientSecret',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
  'secret',
];

const REDACTED_PATHS = [
  ...SECRET_NAMES.flatMap(name => [name, `*.${name}`, `*.*.${name}`]),
  '*.headers["x-api-key"]',
  'headers["x-api-key"]',
];

export function createLogger(options: { name: string; level: string }): Logger {
  return pino({
    name: options.name,
    level: options.level,
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    formatters: { level: label => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
