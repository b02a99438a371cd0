import { setTimeout as sleep } from 'node:timers/promises';
import { createLogFiller } from '../../harness/log-filler.ts';
import { toCallEntry } from '../call-entries.ts';

/**
 * A process of its own, so that what it costs is not counted against those who are measured: writes whole calls to the
 * log at an even rate, and ends with the number it wrote. `fill-log.ts <redis url> <pbx id> <per second> <seconds>`
 */
const [redisUrl = '', pbxId = '', perSecond = '', seconds = ''] = process.argv.slice(2);
const TURNS_PER_SECOND = 20;

const log = createLogFiller({ redisUrl, pbxId, writerId: `filler-${process.pid}` });
const startedAt = Date.now();
const total = Number(perSecond) * Number(seconds);
let written = 0;
for (let turn = 1; written < total; turn += 1) {
  // By the clock: what a slow moment kept back is made up for.
  const due = Math.min(total, Math.round((Number(perSecond) * turn) / TURNS_PER_SECOND));
  await log.append(Array.from({ length: due - written }, (_, i) => toCallEntry(written + i, startedAt)));
  written = due;
  await sleep(Math.max(0, startedAt + (turn * 1_000) / TURNS_PER_SECOND - Date.now()));
}
await log.stop();
process.stdout.write(String(written));
