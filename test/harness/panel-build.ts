import { fileURLToPath } from 'node:url';
import { startPanelBuild } from '../../install/dev/stack/panel.ts';

/** Once before the tests that look at the panel: what they look at is what the sources say. */
export default async function buildPanel(): Promise<void> {
  const build = await startPanelBuild(fileURLToPath(new URL('../..', import.meta.url)), () => undefined);
  await build?.done;
}
