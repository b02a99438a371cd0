import { paint } from '../../dev/terminal.js';
import { formatBytes, formatSpan } from '../print.ts';
import type { Status } from './read-status.ts';

const UNKNOWN = '–';
const GOOD: ReadonlySet<string> = new Set(['ok', 'up', 'active', 'connected', 'absent']);

export function formatStatus(status: Status, now: number = Date.now()): string {
  const { pbx, units, lag, eventsPerSecond } = status;
  const rates = Object.entries(eventsPerSecond ?? {}).map(([channel, rate]) => `${channel} ${rate}`);
  const behind = Object.entries(lag ?? {})
    .filter(([, { entries }]) => entries > 0)
    .map(([channel, { entries, seconds }]) => `${channel} ${entries} (${seconds} s)`);
  const since = pbx?.since ? ` for ${formatSpan(now - Date.parse(pbx.since))}` : '';
  const lines: [string, string][] = [
    ['version', status.release ?? status.version ?? UNKNOWN],
    ['health', status.health === null ? UNKNOWN : mark(status.health)],
    ['components', namesAndStates(status.components)],
    ...(units ? ([['units', namesAndStates(shorten(units))]] as [string, string][]) : []),
    ['PBX', pbx?.state ? `${mark(pbx.state)}${since}${pbx.error === null ? '' : `: ${pbx.error}`}` : UNKNOWN],
    ['extensions', describeExtensions(status.extensions)],
    ['calls now', String(status.calls ?? UNKNOWN)],
    ['events a second', rates.join(', ') || UNKNOWN],
    ['PostgreSQL', lag === null ? UNKNOWN : behind.length === 0 ? 'has everything' : `waits for ${behind.join(', ')}`],
    ['clients', String(status.clients ?? UNKNOWN)],
    ['spool', status.spoolBytes === null ? UNKNOWN : formatBytes(status.spoolBytes)],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}  ${value}`);
  const missing = status.missing.map(reason => `  ${paint('yellow', '!')} ${reason}`);
  return `${[...text, ...missing].join('\n')}\n`;
}

function describeExtensions(extensions: Status['extensions']): string {
  if (extensions === null || extensions.monitored === null) return UNKNOWN;
  const { monitored, total, missing } = extensions;
  const names =
    missing.length === 0 ? '' : `, not ${missing.join(', ')}${monitored + missing.length < (total ?? 0) ? ', …' : ''}`;
  return `${monitored} of ${total ?? UNKNOWN} monitored${names}`;
}

function namesAndStates(states: Readonly<Record<string, string>>): string {
  const bad = Object.entries(states).filter(([, state]) => !GOOD.has(state));
  if (Object.keys(states).length === 0) return UNKNOWN;
  if (bad.length === 0) return paint('green', `all ${Object.keys(states).length} good`);
  return bad.map(([name, state]) => `${name} ${mark(state)}`).join(', ');
}

function shorten(units: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(units).map(([unit, state]) => [unit.replace(/^3cx-relay-|\.service$/g, ''), state]);
  return Object.fromEntries(entries);
}

function mark(state: string): string {
  return paint(GOOD.has(state) ? 'green' : state === 'degraded' || state === 'connecting' ? 'yellow' : 'red', state);
}
