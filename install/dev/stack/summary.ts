import { relative } from 'node:path';
import { formatDuration, paint, say } from '../terminal.js';
import type { StackDescription } from './stack-file.ts';

export function printSummary(request: {
  description: StackDescription;
  dataPath: string;
  callsPerMinute: string;
  pbx: string;
  startedInMs: number;
}): void {
  const { description, dataPath, callsPerMinute, pbx, startedInMs } = request;
  const { relayUrl, adminUrl, simulatorUrl, apiKey, admin } = description;
  const row = (label: string, value: string, note = ''): void =>
    say(`    ${paint('dim', label.padEnd(11))}${value}${note === '' ? '' : `  ${paint('dim', note)}`}`);

  say();
  say(`  ${paint('bold', '3CX Relay is running')} ${paint('dim', `(started in ${formatDuration(startedInMs)})`)}`);
  say();
  row('Relay', paint('cyan', relayUrl), `health: ${relayUrl}/relay/health`);
  row('Panel', paint('cyan', adminUrl), 'sign in with the following');
  if (admin !== null) row('Admin', `${admin.username} / ${admin.password}`);
  if (apiKey !== null) row('API key', apiKey);
  if (simulatorUrl === null) row('PBX', pbx);
  else row('Simulator', paint('cyan', simulatorUrl), `${callsPerMinute} calls per minute`);
  row('Watch', paint('bold', 'npm run tail'), 'every event as one line, in another terminal');
  const shown = relative(process.cwd(), dataPath);
  row('Logs', `${shown.startsWith('..') ? dataPath : shown}/logs`);
  say();
  say(`  ${paint('dim', 'Ctrl-C stops everything. The data stays.')}`);
  say();
}
