import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What install.sh puts outside the release, and an upgrade leaves as it is. */
const FOLDERS = ['install/systemd', 'install/nginx'];

/** Whether another release brings other units or blocks of nginx than the one that was installed. */
export async function haveUnitsChanged(from: string, to: string): Promise<boolean> {
  const [before, after] = await Promise.all([textsOf(from), textsOf(to)]);
  return before !== after;
}

async function textsOf(release: string): Promise<string> {
  const texts = FOLDERS.map(async folder => {
    const names = (await readdir(join(release, folder)).catch(() => [])).toSorted();
    return Promise.all(names.map(async name => [name, await readFile(join(release, folder, name), 'utf8')]));
  });
  return JSON.stringify(await Promise.all(texts));
}
