/** By the build, from `.env.example`. */
declare module 'virtual:setting-meanings' {
  export const settingMeanings: Readonly<Record<string, string>>;
}
