import { PAGES } from './navigation.ts';

/**
 * One key, or `g` and a key within a second and a half. Nothing is taken while somebody types, while a modifier is held,
 * or while a dialog is open, and what a page takes itself is left to it.
 */
export interface ShortcutActions {
  goTo(path: string): void;
  /** Shows or hides the sheet. */
  help(): void;
  /** The first field that narrows what is shown. */
  search(): void;
}

const CHORD_MS = 1_500;

export function createShortcuts(actions: ShortcutActions, now: () => number = Date.now) {
  let chordUntil = 0;
  return (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const isChord = now() < chordUntil;
    chordUntil = 0;
    if (isChord) {
      const page = PAGES.find(({ key }) => key === event.key);
      if (page) actions.goTo(page.path);
    } else if (event.key === 'g') chordUntil = now() + CHORD_MS;
    else if (event.key === '?') actions.help();
    else if (event.key === '/') actions.search();
    else return;
    event.preventDefault();
  };
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
