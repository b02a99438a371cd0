import { z } from 'zod';
import { isAddressRange } from '../keys/address-list.ts';

/** `RELAY_TRUSTED_PROXIES`: addresses and CIDR ranges, separated by commas. The proxy of this host needs no mention. */
export const trustedProxies = z
  .string()
  .default('')
  .transform(text =>
    text
      .split(',')
      .map(range => range.trim())
      .filter(range => range !== ''),
  )
  .refine(ranges => ranges.every(isAddressRange), 'must be addresses or CIDR ranges such as 10.0.0.5,10.1.0.0/24')
  .refine(
    ranges => !ranges.some(range => range.endsWith('/0')),
    'must not name every address: anybody could then claim to be anybody',
  );
