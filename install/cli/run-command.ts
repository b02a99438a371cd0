import { fail } from '../dev/terminal.js';
import { readSettings, type Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Exit code 0: done, 1: refused or failed, 2: called wrongly. Those of doctor and of the audit stand in their usage. */
interface Command {
  readonly summary: string;
  /** Only the command that was asked for is loaded. `run` resolves with the exit code. */
  readonly load: () => Promise<{
    readonly run: (args: readonly string[], settings: Settings, terminal: Terminal) => Promise<number>;
    readonly usage: string;
  }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  doctor: {
    summary: 'looks at everything that has to be right, and says what to do',
    load: () => import('./doctor.ts').then(({ doctor, DOCTOR_USAGE }) => ({ run: doctor, usage: DOCTOR_USAGE })),
  },
  status: {
    summary: 'one screen: what runs, and how it is',
    load: () => import('./status.ts').then(({ status, STATUS_USAGE }) => ({ run: status, usage: STATUS_USAGE })),
  },
  tail: {
    summary: 'one line per event, as it happens',
    load: () => import('./tail.ts').then(({ tail, TAIL_USAGE }) => ({ run: tail, usage: TAIL_USAGE })),
  },
  user: {
    summary: 'who may sign in to the panel',
    load: () => import('./user.ts').then(({ user, USER_USAGE }) => ({ run: user, usage: USER_USAGE })),
  },
  key: {
    summary: 'API keys of clients',
    load: () => import('./key.ts').then(({ key, KEY_USAGE }) => ({ run: key, usage: KEY_USAGE })),
  },
  backup: {
    summary: 'everything that cannot be made again, in one file',
    load: () => import('./backup.ts').then(({ backup, BACKUP_USAGE }) => ({ run: backup, usage: BACKUP_USAGE })),
  },
  restore: {
    summary: 'tries a backup, or puts it back',
    load: () => import('./restore.ts').then(({ restore, RESTORE_USAGE }) => ({ run: restore, usage: RESTORE_USAGE })),
  },
  upgrade: {
    summary: 'installs another version; goes back by itself when it does not work',
    load: () => import('./upgrade.ts').then(({ upgrade, UPGRADE_USAGE }) => ({ run: upgrade, usage: UPGRADE_USAGE })),
  },
  rollback: {
    summary: 'goes back to the version from before',
    load: () => import('./upgrade.ts').then(each => ({ run: each.rollback, usage: each.ROLLBACK_USAGE })),
  },
  'support-bundle': {
    summary: 'one file for whoever helps, without secrets and numbers',
    load: () =>
      import('./support-bundle.ts').then(each => ({ run: each.supportBundle, usage: each.SUPPORT_BUNDLE_USAGE })),
  },
  audit: {
    summary: 'proves the audit',
    load: () => import('./audit-verify.ts').then(({ audit, AUDIT_USAGE }) => ({ run: audit, usage: AUDIT_USAGE })),
  },
  history: {
    summary: 'forgets telephone numbers',
    load: () => import('./history-erase.ts').then(each => ({ run: each.history, usage: each.HISTORY_USAGE })),
  },
  uninstall: {
    summary: 'removes the product from this machine',
    load: () => import('./uninstall.ts').then(each => ({ run: each.uninstall, usage: each.UNINSTALL_USAGE })),
  },
};
const USAGE = `usage: 3cx-relay [--config FILE] COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(15)} ${summary}`)
  .join('\n')}

  --config FILE   settings (KEY=value lines) that win over those of the installation
  "3cx-relay COMMAND --help" says more.
`;

/** Resolves with the exit code. */
export async function runCommand(
  given: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<number> {
  let usage = USAGE;
  try {
    const { name, args, configFile } = split(given);
    const command = name === undefined || !Object.hasOwn(COMMANDS, name) ? undefined : COMMANDS[name];
    if (command) {
      const loaded = await command.load();
      usage = loaded.usage;
      return await loaded.run(args, readSettings({ configFile }, env), terminal);
    }
    if (name !== '--help' && name !== '-h') {
      throw new UsageError(name === undefined ? 'Say what to do.' : `There is no command "${name}".`);
    }
    terminal.stdout.write(USAGE);
    return 0;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    fail(error instanceof Error ? error.message : String(error), terminal.stderr);
    if (isUsage) terminal.stderr.write(`\n${usage}`);
    return isUsage ? 2 : 1;
  }
}

/** `--config` stands before the command or among its options. */
function split(given: readonly string[]) {
  const rest: string[] = [];
  let configFile: string | undefined;
  for (let n = 0; n < given.length; n += 1) {
    const text = given[n] ?? '';
    if (text === '--config') {
      n += 1;
      configFile = given[n];
      if (configFile === undefined) throw new UsageError('--config: name a file.');
    } else if (text.startsWith('--config=')) configFile = text.slice('--config='.length);
    else rest.push(text);
  }
  const [name, ...args] = rest;
  return { name, args, configFile };
}
