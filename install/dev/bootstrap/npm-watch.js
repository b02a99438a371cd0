/**
 * Whoever kills `npm start` (a test, a service manager) means the script, but a killed npm tells nobody: the script
 * watches whether npm is still its parent. (The npm scripts `exec` it; with a shell in between, that shell would be the
 * parent, and would keep to itself the signals that npm passes on.) A script that was started without npm watches
 * nobody, so that it may outlive the shell it was started from.
 *
 * @param {() => void} onGone
 * @returns {() => void}
 */
export function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, 250);
  timer.unref();
  return () => clearInterval(timer);
}
