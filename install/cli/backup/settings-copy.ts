import { isSecretName, redactText } from '@3cx-relay/shared/runtime/secrets.ts';

/** A copy of a file of settings. Without secrets a line says that one was there, so that it is missed before a start. */
export function copySettings(text: string, options: { withSecrets: boolean }): string {
  if (options.withSecrets) return text;
  return text
    .split('\n')
    .map(line => {
      const [, name = '', value = ''] = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(line) ?? [];
      if (name === '' || value.trim() === '') return redactText(line);
      return isSecret(name, value) ? `# ${name} is a secret and not in this backup` : line;
    })
    .join('\n');
}

/** By its name, or because a password stands in it, as in the address of a database. */
export function isSecret(name: string, value: string): boolean {
  return isSecretName(name) || redactText(value) !== value;
}
