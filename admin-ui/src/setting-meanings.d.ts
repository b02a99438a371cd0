/** By the build, from `.env.example`. */
declare module 'virtual:setting-meanings' {
  const meanings: Readonly<Record<string, string>>;
  export default meanings;
}
