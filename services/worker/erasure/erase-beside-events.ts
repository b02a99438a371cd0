import {
  replaceErrorTexts,
  replaceLetterBodies,
  selectErrorsWithDigits,
  selectLettersWithDigits,
} from '@3cx-relay/shared/store/erasure.ts';
import type { Erasing } from './erase-events.ts';
import { pseudonymise } from './pseudonymise.ts';

const PAGE = 200;

/** Rows of error_log, lines of the audit among them. Returns how many changed. */
export async function eraseErrorTexts({ pool, key, pseudonym }: Erasing): Promise<number> {
  let changed = 0;
  for (let after = 0; ; ) {
    const found = await selectErrorsWithDigits(pool, { digits: key, after, limit: PAGE });
    const replaced = found.flatMap(({ id, message, details }) => {
      const [newMessage, newDetails] = [
        pseudonymise(JSON.stringify(message), pseudonym),
        details === null ? null : pseudonymise(details, pseudonym),
      ];
      if (newMessage === null && newDetails === null) return [];
      const text = newMessage === null ? message : String(JSON.parse(newMessage));
      return [{ id, message: text, details: newDetails ?? details }];
    });
    await replaceErrorTexts(pool, replaced);
    changed += replaced.length;
    const last = found.at(-1);
    if (!last || found.length < PAGE) return changed;
    after = last.id;
  }
}

/** Entries that PostgreSQL refused. One that is no JSON cannot be read, so that it goes whole. */
export async function eraseLetters({ pool, key, pseudonym }: Erasing): Promise<number> {
  let changed = 0;
  for (let after = 0; ; ) {
    const found = await selectLettersWithDigits(pool, { digits: key, after, limit: PAGE });
    const replaced = found.flatMap(({ id, body }) => {
      const text = body.toString('utf8');
      const json = isJson(text) ? pseudonymise(text, pseudonym) : JSON.stringify({ erased: pseudonym.alias });
      return json === null ? [] : [{ id, body: Buffer.from(json) }];
    });
    await replaceLetterBodies(pool, replaced);
    changed += replaced.length;
    const last = found.at(-1);
    if (!last || found.length < PAGE) return changed;
    after = last.id;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
