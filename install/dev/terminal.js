/**
 * What the launcher, the test runner and the checker print: short lines with a mark, a detail and a time.
 * Plain JavaScript, because the first stage runs on whatever Node the machine has, before any package is installed.
 */

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** @typedef {keyof typeof codes} Paint */

const isColoured =
  process.env.FORCE_COLOR !== undefined
    ? process.env.FORCE_COLOR !== '0'
    : Boolean(process.stdout.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/**
 * @param {Paint} style
 * @param {string} text
 */
export function paint(style, text) {
  return isColoured ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
}

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** @param {string} line */
export function say(line = '') {
  process.stdout.write(`${line}\n`);
}

/** Something that takes long enough for a reader to wonder. @param {string} text */
export function announce(text) {
  say(`  ${paint('dim', '…')} ${paint('dim', text)}`);
}

/** @param {string} text */
export function warn(text) {
  say(`  ${paint('yellow', '!')} ${text}`);
}

/**
 * @param {string} text
 * @param {{ write(text: string): unknown }} [stream]
 */
export function fail(text, stream = process.stdout) {
  stream.write(`  ${paint('red', '✗')} ${text}\n`);
}

/**
 * @param {string} label
 * @param {string} detail
 * @param {number} [ms]
 */
export function succeed(label, detail, ms) {
  const time = ms === undefined ? '' : paint('dim', formatDuration(ms).padStart(7));
  say(`  ${paint('green', '✓')} ${label.padEnd(12)} ${detail.padEnd(46)} ${time}`.trimEnd());
}

/** A terminal that went away (SIGHUP, a closed pipe) must not stop the clean-up that its end has just begun. */
export function surviveClosedTerminal() {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
