import { readFile } from 'node:fs/promises';

/** Why a server did not start, in its own words, with the place of the rest. */
export async function reasonInLog(path: string, pattern: RegExp): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const reason = text
    .split('\n')
    .slice(-40)
    .findLast(line => pattern.test(line))
    ?.replace(pattern, '')
    .trim();
  return reason === undefined ? `its reason is in ${path}` : `${reason} (more in ${path})`;
}
