import { BlockList, isIP } from 'node:net';

/** IP addresses and CIDR ranges that a key may be used from. */
export interface AddressList {
  includes(address: string): boolean;
}

const MAX_PREFIX = { ipv4: 32, ipv6: 128 } as const;

/** @throws RangeError for an element that `isAddressRange` refuses */
export function createAddressList(ranges: readonly string[]): AddressList {
  const list = new BlockList();
  for (const range of ranges) {
    const parsed = parseRange(range);
    if (!parsed) throw new RangeError(`not an IP address or CIDR range: ${JSON.stringify(range)}`);
    list.addSubnet(parsed.address, parsed.prefix, parsed.family);
  }
  return {
    includes(text) {
      // The zone of a link-local address names an interface of this host and no client.
      const address = text.replace(/%.*$/, '');
      const family = familyOf(address);
      // An IPv4 address in IPv6's clothes meets the IPv4 ranges: the list sees to that.
      return family !== null && list.check(address, family);
    },
  };
}

export function isAddressRange(text: string): boolean {
  return parseRange(text) !== null;
}

function parseRange(text: string): { address: string; family: 'ipv4' | 'ipv6'; prefix: number } | null {
  const [, address = '', digits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = familyOf(address);
  if (family === null) return null;
  const prefix = digits === undefined ? MAX_PREFIX[family] : Number(digits);
  return prefix <= MAX_PREFIX[family] ? { address, family, prefix } : null;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address);
  if (version === 0) return null;
  return version === 4 ? 'ipv4' : 'ipv6';
}
