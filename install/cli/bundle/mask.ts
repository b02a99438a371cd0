import { redactText } from '@3cx-relay/shared/runtime/secrets.ts';

/**
 * What leaves the machine to be read by strangers: without secrets, telephone numbers, names and addresses. Whatever
 * looks like one goes, also where it is none: a bundle that says too little can be asked for again.
 */
export interface Mask {
  text(text: string): string;
  /** A line of a log, JSON as the services write it or anything else. */
  line(line: string): string;
  json(value: unknown): unknown;
  /** Prometheus text: what stands in labels, not the measured values. */
  metrics(text: string): string;
}

export interface Known {
  /** Wherever they stand. */
  readonly secrets: Iterable<string>;
  /** Of people, clients and hosts. */
  readonly names: Iterable<string>;
}

const MIN_SECRET = 4;
const MIN_NAME = 3;
const NUMBER = '[number]';
const NAME = '[name]';
const ADDRESS = '[address]';

/**
 * Times are what a reader follows a log by; loopback is everybody's. A day that the calendar has, and not a piece of a longer
 * number: people write those with dashes, too.
 */
const KEPT =
  /(?<![\d+]|\d-)20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d|-\d)(?:[T ][0-2]\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|(?<![\d.])127\.0\.0\.1(?::\d{1,5})?/;
/** Six digits and more with what people write between them; extensions are shorter. */
const TELEPHONE = /\+?\(?\d(?:[\s()/.-]{0,2}\d){5,}/g;
const IPV4 = /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/g;
const IPV6 = /(?<![\w:])(?!::1(?![\w:]))(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi;
const MAIL = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const IS_NAME_KEY = /(name|caller|callee|party|display|user|client|actor|owner|title|number|address|did)$/i;
/** Of services, components and errors: closed sets that a reader needs. */
const IS_HARMLESS_NAME =
  /^(ingest|relay|worker|redis|postgres|xapi|websocket|database|event_loop|[A-Z]\w*Error|Error)$/;
/** Of measured values and times; any other long number may be a telephone number. */
const IS_MEASURE_KEY = /(ms|at|time|bytes|seconds|entries|seq|pid|port|count|size|total|rows|free|level|status|code)$/i;
const LONG_NUMBER = 100_000;

export function createMask(known: Known): Mask {
  const replaced = [...pairs(known.secrets, MIN_SECRET, '[secret]'), ...pairs(known.names, MIN_NAME, NAME)].map(
    ([value, by]) => [new RegExp(toPattern(value), 'gi'), by] as const,
  );

  function text(given: string): string {
    const withoutKnown = replaced.reduce((left, [pattern, by]) => left.replaceAll(pattern, by), given);
    return splitKept(redactText(withoutKnown))
      .map((part, n) => (n % 2 === 1 ? part : maskPatterns(part)))
      .join('');
  }

  function json(value: unknown, key = ''): unknown {
    if (typeof value === 'string') {
      if (IS_NAME_KEY.test(key) && value !== '' && !IS_HARMLESS_NAME.test(value)) return NAME;
      return text(value);
    }
    if (typeof value === 'number') return Math.abs(value) >= LONG_NUMBER && !IS_MEASURE_KEY.test(key) ? NUMBER : value;
    if (Array.isArray(value)) return value.map(each => json(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [text(name), json(each, name)]));
  }

  return {
    text,
    json: value => json(value),
    line(line) {
      try {
        const parsed: unknown = JSON.parse(line);
        if (typeof parsed === 'object' && parsed !== null) return JSON.stringify(json(parsed));
      } catch {
        // A line of systemd, or a stack.
      }
      return text(line);
    },
    metrics: given =>
      given
        .split('\n')
        .map(line => line.replace(/\{.*\}/, labels => text(labels)))
        .join('\n'),
  };
}

function maskPatterns(part: string): string {
  return part
    .replaceAll(MAIL, '[mail]')
    .replaceAll(IPV4, ADDRESS)
    .replaceAll(IPV6, address => (/[0-9a-f]/i.test(address) ? ADDRESS : address))
    .replaceAll(TELEPHONE, NUMBER);
}

/** What is to be masked and what stays, in turn. */
function splitKept(text: string): string[] {
  return text.split(new RegExp(`(${KEPT.source})`));
}

/** The longest first: one value may be a part of another. */
function pairs(values: Iterable<string>, minLength: number, by: string): [value: string, by: string][] {
  return [...new Set(values)]
    .filter(value => value.length >= minLength)
    .toSorted((one, other) => other.length - one.length)
    .map(value => [value, by]);
}

function toPattern(value: string): string {
  return value.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
