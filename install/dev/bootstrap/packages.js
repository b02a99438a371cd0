import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { announce, formatDuration, succeed } from '../terminal.js';

/**
 * Installs the packages when they are missing or the lock file asks for others. What npm itself recorded about the
 * folder is compared with the lock file, so an `npm install` by hand counts and a stamp of ours cannot lie.
 *
 * `npm install --no-save` and not `npm ci`: npm leaves packages of other platforms out of a lock file when its registry
 * does not carry them, and `npm ci` then refuses the whole lock file. Versions still come from the lock file, and
 * nothing is written to it.
 *
 * @param {string} root
 * @returns {Promise<void>}
 */
export async function installPackages(root) {
  if (arePackagesCurrent(root)) return;
  const isFirst = !existsSync(join(root, 'node_modules'));
  requireWritable(root, isFirst ? root : join(root, 'node_modules'));
  announce(isFirst ? 'installing packages (the first time takes about half a minute)' : 'updating packages');
  const startedAt = Date.now();
  const code = await runNpm(root, ['install', '--no-save', '--loglevel=error', '--no-audit', '--no-fund']);
  if (code !== 0) {
    throw new OperatorError(
      `npm could not install the packages (exit code ${code}); its reason is above. Check the network and disk, then start again.`,
    );
  }
  succeed('packages', `installed in ${formatDuration(Date.now() - startedAt)}`);
}

/**
 * @param {string} root
 * @returns {boolean}
 */
export function arePackagesCurrent(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  if (!existsSync(join(root, 'node_modules', 'node', 'bin', 'node')) && !isRecentNode()) return false;
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return Boolean(optional);
    return Boolean(link) || found.version === version;
  });
}

export const isRecentNode = () => Number.parseInt(process.versions.node, 10) >= 24;

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, optional?: boolean, link?: boolean }> | undefined}
 */
function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} root
 * @param {string} folder
 */
function requireWritable(root, folder) {
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new OperatorError(
      `Packages have to be installed, but ${folder} is not writable; run "npm install" in ${root} as its owner, then start again.`,
      { cause },
    );
  }
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function runNpm(root, args) {
  // Under `npm start` this is the npm that runs us; the PATH may hold another one or none.
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', cause =>
      reject(
        new OperatorError('npm was not found; install Node.js 20 or later with npm, then start again.', { cause }),
      ),
    );
    child.once('close', code => resolve(code ?? 1));
  });
}
