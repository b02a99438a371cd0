import { aptInstall, canUseApt } from '../../../install/dev/servers/apt-install.ts';
import { findCommand } from '../../../install/dev/system/command.ts';

/** Brings a server by apt where this process is root; undefined when it is there, otherwise why it is not. */
export async function obtainPackage(name: string, isThere: () => Promise<boolean>): Promise<string | undefined> {
  if (await isThere()) return undefined;
  if (!(await canUseApt())) return `${name} is not installed, and only root may install it`;
  const problem = await aptInstall([name]);
  return (await isThere()) ? undefined : `${name} could not be installed: ${problem ?? 'no server came with it'}`;
}

export async function hasCommand(name: string): Promise<boolean> {
  return (await findCommand(name)) !== undefined;
}
