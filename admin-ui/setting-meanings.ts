const SETTING = /^#([A-Z][A-Z0-9_]*)=/;

/** What `.env.example` says of each setting. Those that stand directly below each other share the words above them. */
export function readSettingMeanings(envExample: string): Readonly<Record<string, string>> {
  const meanings: Record<string, string> = {};
  let words: string[] = [];
  let wasSetting = false;
  for (const line of envExample.split('\n')) {
    const name = SETTING.exec(line)?.[1];
    // A rule with a heading in it, as an empty line does, ends what was said before.
    const isWords = line.startsWith('# ') && !line.startsWith('# ──');
    if (name !== undefined) meanings[name] = words.join(' ');
    else if (isWords) words = wasSetting ? [line.slice(2)] : [...words, line.slice(2)];
    else words = [];
    wasSetting = name !== undefined;
  }
  return meanings;
}
