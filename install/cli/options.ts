import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/** node's parseArgs, where what it refuses is a UsageError; every command has `--help`. @throws UsageError */
export function parseOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: { ...options, ...HELP } });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** A positive whole number. @throws UsageError */
export function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${name}: "${text}" is no whole number above zero.`);
}
