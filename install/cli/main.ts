import { runCommand } from './run-command.ts';

process.exitCode = await runCommand(process.argv.slice(2), process.env, process);
// A socket to a relay that froze stays open for as long as TCP hopes; nothing else is left to wait for.
process.exit();
