import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { OperatorError } from '../operator-error.js';

export type Environment = Record<string, string>;

/** `.env` with the environment of the process winning. An empty value counts as absent. */
export function readEnvironment(root: string, processEnv: NodeJS.ProcessEnv): Environment {
  const merged: Environment = {};
  for (const source of [readEnvFile(join(root, '.env')), processEnv]) {
    for (const [key, value] of Object.entries(source)) {
      if (value !== undefined && value !== '') merged[key] = value;
    }
  }
  return merged;
}

function readEnvFile(path: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new OperatorError(`${path} cannot be read (${String(cause)}); correct or remove it.`, { cause });
  }
}

export function readPort(environment: Environment, options: { key: string; fallback: number }): number {
  const text = environment[options.key];
  if (text === undefined) return options.fallback;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new OperatorError(`${options.key} is "${text}", but a port is a whole number from 1 to 65535.`);
}
