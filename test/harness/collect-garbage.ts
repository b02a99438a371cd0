import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Before memory is measured: what nobody holds any more is gone. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}
