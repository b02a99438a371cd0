import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';

/** A host name with an optional port. */
export const HOST = /^[A-Za-z0-9.-]+(:\d{1,5})?$/;

/**
 * The base address of a PBX, without a trailing slash, from what an operator knows of it: a host name with an optional
 * port, or the whole address where it is not plain https.
 *
 * @throws OperatorError CONFIG_INVALID
 */
export function pbxUrlFrom(fqdn: string): string {
  if (HOST.test(fqdn)) return `https://${fqdn}`;
  if (URL.canParse(fqdn) && /^https?:$/.test(new URL(fqdn).protocol)) return fqdn.replace(/\/+$/, '');
  throw new OperatorError(
    'CONFIG_INVALID',
    'the address of the PBX must be a host name with an optional port, for example pbx.example.com:5001, or an http or https URL',
  );
}
