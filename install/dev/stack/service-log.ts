import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';
import { paint, say } from '../terminal.js';

const rotateAtBytes = 10 * 1024 * 1024;
const repeatWindowMs = 10_000;
const longestLine = 1_000_000;

/** Keeps one older generation; called before a log is opened, so no writer is cut off. */
export function rotateLog(path: string): void {
  try {
    if (statSync(path).size >= rotateAtBytes) renameSync(path, `${path}.1`);
  } catch {
    // no log yet
  }
}

export type ServiceLog = {
  path: string;
  write(chunk: Buffer): void;
  /** The last warning, error or plain line, for the sentence that explains a failed start. */
  lastWords(): string | undefined;
  close(): void;
};

/**
 * Everything a service prints goes to its file; warnings and errors also become one readable line on the console,
 * the same one at most every ten seconds.
 */
export function openServiceLog(options: { name: string; path: string; isQuiet: () => boolean }): ServiceLog {
  rotateLog(options.path);
  const file: WriteStream = createWriteStream(options.path, { flags: 'a', mode: 0o600 });
  // A full disk must not take the launcher down with the log.
  file.on('error', () => {});
  const lastShown = new Map<string, number>();
  let problem: string | undefined;
  let plainLine: string | undefined;
  let rest = '';

  const handle = (line: string): void => {
    const parsed = readLogLine(line);
    if (parsed === undefined) {
      if (/^\w/.test(line)) plainLine = line.trim();
      return;
    }
    problem = parsed.text;
    const now = Date.now();
    if (options.isQuiet() || now - (lastShown.get(parsed.text) ?? 0) < repeatWindowMs) return;
    if (lastShown.size > 500) lastShown.clear();
    lastShown.set(parsed.text, now);
    const mark = parsed.isError ? paint('red', '✗') : paint('yellow', '!');
    say(`  ${mark} ${options.name.padEnd(12)} ${parsed.text}`);
  };

  return {
    path: options.path,
    write(chunk) {
      file.write(chunk);
      const lines = (rest + chunk.toString()).split('\n');
      rest = (lines.pop() ?? '').slice(-longestLine);
      for (const line of lines) handle(line);
    },
    lastWords: () => problem ?? plainLine,
    close: () => file.end(),
  };
}

/** Undefined for what the console does not show: information, and output that is no log line but also no error. */
export function readLogLine(line: string): { text: string; isError: boolean } | undefined {
  if (!line.startsWith('{')) {
    // Not pino: the runtime's own words when a process crashes.
    return /^(\w*Error|Uncaught|FATAL)\b/.test(line) ? { text: line.trim(), isError: true } : undefined;
  }
  try {
    const entry: { level?: unknown; msg?: unknown; err?: { message?: unknown } } = JSON.parse(line);
    const level = typeof entry.level === 'number' ? entry.level : levels[String(entry.level)];
    if (level === undefined || level < 40) return undefined;
    const message = typeof entry.msg === 'string' ? entry.msg : '';
    const cause = typeof entry.err?.message === 'string' ? entry.err.message : '';
    const text = cause !== '' && !message.includes(cause) ? `${message} (${cause})`.trim() : message;
    return { text: text || 'a problem without a message', isError: level >= 50 };
  } catch {
    return undefined;
  }
}

const levels: Record<string, number> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
