import type { IconName } from '../components/icon.svelte';

/** Every page of the panel, in the order of the navigation. A new page is a line here and a folder in `routes/`. */
export interface PanelPage {
  /** Behind the `#`. */
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** Pressed after `g`. */
  readonly key: string;
  /** Only admins see it. */
  readonly isForAdmins?: boolean;
}

export const NAVIGATION: readonly { readonly title: string; readonly pages: readonly PanelPage[] }[] = [
  {
    title: 'Now',
    pages: [
      { path: '/', title: 'Dashboard', icon: 'dashboard', key: 'd' },
      { path: '/tail', title: 'Live tail', icon: 'tail', key: 't' },
      { path: '/calls', title: 'Active calls', icon: 'phone', key: 'a' },
    ],
  },
  {
    title: 'System',
    pages: [
      { path: '/connections', title: 'Connections', icon: 'link', key: 'n' },
      { path: '/errors', title: 'Errors', icon: 'alert', key: 'e' },
      { path: '/jobs', title: 'Jobs', icon: 'layers', key: 'j' },
    ],
  },
  {
    title: 'Access',
    pages: [
      { path: '/api-keys', title: 'API keys', icon: 'key', key: 'k' },
      { path: '/clients', title: 'Clients', icon: 'plug', key: 'c' },
      { path: '/wallboards', title: 'Wallboards', icon: 'screen', key: 'w', isForAdmins: true },
    ],
  },
  {
    title: 'Records',
    pages: [
      { path: '/history', title: 'History', icon: 'clock', key: 'h' },
      { path: '/audit', title: 'Audit', icon: 'shield', key: 'i' },
    ],
  },
  {
    title: 'Administration',
    pages: [
      { path: '/users', title: 'Users', icon: 'people', key: 'u', isForAdmins: true },
      { path: '/about', title: 'About', icon: 'info', key: 'b' },
    ],
  },
];

export const PAGES: readonly PanelPage[] = NAVIGATION.flatMap(({ pages }) => pages);

/** The page that a path belongs to, its sub-pages included. */
export function pageOf(path: string): PanelPage | undefined {
  return PAGES.find(page => path === page.path || (page.path !== '/' && path.startsWith(`${page.path}/`)));
}
