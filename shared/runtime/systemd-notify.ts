import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from './config.ts';
import type { Logger } from './logger.ts';

/**
 * Tells systemd how this process is (`Type=notify`, sd_notify(3)): started, alive, what it waits for, stopping. Signs of
 * life come from the event loop, so that a loop which hangs misses its watchdog and the process is started again.
 *
 * Node has no datagram sockets, so each message is one run of `systemd-notify`. The unit needs `NotifyAccess=all` for
 * it: what the message comes from is a child.
 */
export interface SystemdNotifier {
  /** `state` is asked again at each sign of life, for the line in `systemctl status`. */
  ready(state: () => string): void;
  stopping(): void;
}

const NOWHERE: SystemdNotifier = { ready() {}, stopping() {} };
const START_BEAT_MS = 10_000;
/** Without a watchdog there is only the status line to keep. */
const STATUS_BEAT_MS = 15_000;

/** From here on systemd waits for the start, for as long as the event loop turns. */
export function createSystemdNotifier(env: Environment, logger: Logger): SystemdNotifier {
  if (!env.NOTIFY_SOCKET) return NOWHERE;
  const watchdogMs = watchdogOf(env);
  const running = new Set<ChildProcess>();
  let timer: NodeJS.Timeout | undefined;
  let hasFailed = false;
  let isStopping = false;

  const notify = (...messages: string[]) => {
    const child = spawn('systemd-notify', messages, { stdio: 'ignore' });
    const failed = (reason: unknown) => {
      if (!hasFailed) logger.warn({ reason }, 'systemd-notify does not work: systemd does not hear from this process');
      hasFailed = true;
    };
    running.add(child);
    child.once('error', failed);
    child.once('exit', code => code === 0 || code === null || failed(`exit code ${code}`));
    for (const end of ['error', 'exit']) child.once(end, () => running.delete(child));
    child.unref();
  };
  const repeat = (ms: number, beat: () => void) => {
    clearInterval(timer);
    beat();
    timer = setInterval(beat, ms).unref();
  };

  repeat(START_BEAT_MS, () => notify('--status=starting', `EXTEND_TIMEOUT_USEC=${3 * START_BEAT_MS * 1_000}`));
  return {
    ready(state) {
      // Told to stop while it still started.
      if (isStopping) return;
      notify('--ready', `--status=${oneLine(state())}`);
      repeat(watchdogMs === null ? STATUS_BEAT_MS : watchdogMs / 2, () =>
        notify(`--status=${oneLine(state())}`, ...(watchdogMs === null ? [] : ['WATCHDOG=1'])),
      );
    },
    stopping() {
      isStopping = true;
      clearInterval(timer);
      // Each message is a process of its own: one that is slow to start would be heard last.
      for (const child of running) child.kill();
      notify('--status=stopping', 'STOPPING=1');
    },
  };
}

/** Null when there is none for this process: the variables may be somebody else's who started it. */
function watchdogOf(env: Environment): number | null {
  const microseconds = Number(env.WATCHDOG_USEC);
  const isOurs = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
  return isOurs && microseconds > 0 ? microseconds / 1_000 : null;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
