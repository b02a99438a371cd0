import { fail } from '../dev/terminal.js';
import { AUDIT_USAGE, audit } from './audit-verify.ts';
import { TAIL_USAGE, tail } from './tail.ts';
import { UsageError } from './usage-error.ts';

/** Exit code 0: ended by the user, 1: refused or failed, 2: called wrongly. Those of the audit stand in its usage. */
const USAGE = `${TAIL_USAGE}\n${AUDIT_USAGE}`;
const [command, ...args] = process.argv.slice(2);

try {
  if (command === 'tail') process.exitCode = await tail(args);
  else if (command === 'audit') process.exitCode = await audit(args);
  else if (command === '--help' || command === '-h') process.stdout.write(USAGE);
  else throw new UsageError(command === undefined ? 'Say what to do.' : `There is no command "${command}".`);
} catch (error) {
  const isUsage = error instanceof UsageError;
  fail(error instanceof Error ? error.message : String(error), process.stderr);
  if (isUsage) process.stderr.write(`\n${command === 'tail' ? TAIL_USAGE : command === 'audit' ? AUDIT_USAGE : USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
}
// A socket to a relay that froze stays open for as long as TCP hopes; nothing else is left to wait for.
process.exit();
