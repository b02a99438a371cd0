import type { Attachment } from 'svelte/attachments';

/** How far from view something is made, so that whoever scrolls finds it there. */
const SOON = '200px';

/** Calls back once, when the element is in view or nearly. */
export function whenNear(onNear: () => void): Attachment {
  return element => {
    const observer = new IntersectionObserver(
      entries => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        onNear();
      },
      { rootMargin: SOON },
    );
    observer.observe(element);
    return () => observer.disconnect();
  };
}
