import { goto } from '$app/navigation';
import { page } from '$app/state';

/**
 * What a page is narrowed to stands in its address, behind the `#`, so that it can be kept, sent and gone back to. Reading
 * it in a component makes that follow the address.
 */
export function readPageQuery(): URLSearchParams {
  return new URLSearchParams(page.url.hash.split('?')[1] ?? '');
}

/** Where the browser is being sent. What is written before it has come there must not undo it. */
let coming: string | null = null;

/** Null and empty take a name out. Typing replaces the entry of the browser's history; choosing makes one. */
export function writePageQuery(
  changes: Readonly<Record<string, string | null>>,
  { isTyping = false }: { isTyping?: boolean } = {},
): void {
  const [path = '#/', query = ''] = (coming ?? page.url.hash).split('?');
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  const target = text === '' ? path : `${path}?${text}`;
  coming = target;
  void goto(target, { replace: isTyping, reset: false }).finally(() => {
    if (coming === target) coming = null;
  });
}
