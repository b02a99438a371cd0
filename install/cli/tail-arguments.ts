import { parseArgs } from 'node:util';
import { CHANNELS, type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import { UsageError } from './usage-error.ts';

export interface TailArguments {
  readonly after: string;
  readonly channels: readonly Channel[];
  readonly filters: { readonly dn?: string[]; readonly event?: string[]; readonly call?: string[] };
  readonly isJson: boolean;
  readonly isHelp: boolean;
  readonly url: string | undefined;
  readonly keyFile: string | undefined;
  readonly positionsFile: string | undefined;
}

const LISTS = ['dn', 'event', 'call', 'channel'] as const;

/** @throws UsageError */
export function parseTailArguments(args: readonly string[]): TailArguments {
  const values = parse(args);
  const lists = new Map(LISTS.map(name => [name, listOf(name, values[name])]));
  const channels = lists.get('channel') ?? ['calls'];
  const unknown = channels.find(channel => !isChannel(channel));
  if (unknown !== undefined) throw new UsageError(`--channel: "${unknown}" is none of ${CHANNELS.join(', ')}.`);
  if (values['from-start'] && values.after !== undefined && values.after !== 'start') {
    throw new UsageError('--from-start and --after contradict each other: leave one out.');
  }
  const filters = Object.fromEntries([...lists].filter(([name, list]) => name !== 'channel' && list !== undefined));
  return {
    after: values['from-start'] ? 'start' : (values.after ?? 'now'),
    channels: channels.filter(isChannel),
    filters,
    isJson: values.json ?? false,
    isHelp: values.help ?? false,
    url: values.url,
    keyFile: values['key-file'],
    positionsFile: values.positions,
  };
}

function parse(args: readonly string[]) {
  const list = { type: 'string', multiple: true } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        after: { type: 'string' },
        'from-start': { type: 'boolean' },
        dn: list,
        event: list,
        call: list,
        channel: list,
        json: { type: 'boolean' },
        url: { type: 'string' },
        'key-file': { type: 'string' },
        positions: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** `--dn 101,102` and `--dn 101 --dn 102` are the same. */
function listOf(name: string, given: readonly string[] | undefined): string[] | undefined {
  if (given === undefined) return undefined;
  const values = given.flatMap(text => text.split(',')).map(value => value.trim());
  if (values.includes('')) throw new UsageError(`--${name}: has an empty value; separate values by one comma.`);
  return values;
}
