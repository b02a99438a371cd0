import { fail } from '../dev/terminal.js';
import { AUDIT_USAGE, audit } from './audit-verify.ts';
import { HISTORY_USAGE, history } from './history-erase.ts';
import { TAIL_USAGE, tail } from './tail.ts';
import { UsageError } from './usage-error.ts';

/** Exit code 0: ended by the user, 1: refused or failed, 2: called wrongly. Those of the audit stand in its usage. */
const COMMANDS = {
  tail: { run: tail, usage: TAIL_USAGE },
  audit: { run: audit, usage: AUDIT_USAGE },
  history: { run: history, usage: HISTORY_USAGE },
} as const;
const USAGE = Object.values(COMMANDS)
  .map(({ usage }) => usage)
  .join('\n');
const [name, ...args] = process.argv.slice(2);
const command = Object.entries(COMMANDS).find(([known]) => known === name)?.[1];

try {
  if (command) process.exitCode = await command.run(args);
  else if (name === '--help' || name === '-h') process.stdout.write(USAGE);
  else throw new UsageError(name === undefined ? 'Say what to do.' : `There is no command "${name}".`);
} catch (error) {
  const isUsage = error instanceof UsageError;
  fail(error instanceof Error ? error.message : String(error), process.stderr);
  if (isUsage) process.stderr.write(`\n${command?.usage ?? USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
}
// A socket to a relay that froze stays open for as long as TCP hopes; nothing else is left to wait for.
process.exit();
