import { fileURLToPath } from 'node:url';
import { startPanelBuild } from '../../install/dev/stack/panel.ts';

/** Once before the tests that look at the panel: what they look at is what the sources say. */
export async function setup(): Promise<void> {
  // Under the tests' own NODE_ENV the panel would be built for development.
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  const build = await startPanelBuild(fileURLToPath(new URL('../..', import.meta.url)), () => undefined);
  if (NODE_ENV !== undefined) process.env.NODE_ENV = NODE_ENV;
  if ((await build?.done) === false) throw new Error('the panel is not built, so no page of it can be looked at');
}
