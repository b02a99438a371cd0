const LISTEN = '0A';

/** Who listens on a port, of `/proc/net/tcp` or `tcp6`: addresses as people write them. */
export function listenersOn(table: string, port: number): string[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap(line => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [address = '', hexPort = ''] = local.split(':');
      if (state !== LISTEN || Number.parseInt(hexPort, 16) !== port) return [];
      return [toAddress(address)];
    });
}

/** The kernel writes words of four bytes in the order of the machine, which is little-endian wherever Node runs here. */
function toAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap(word => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map(byte => Number.parseInt(byte, 16)).join('.');
  const isMapped = bytes.slice(0, 12).join('') === '00000000000000000000FFFF';
  if (isMapped)
    return `::ffff:${bytes
      .slice(12)
      .map(byte => Number.parseInt(byte, 16))
      .join('.')}`;
  if (bytes.every(byte => byte === '00')) return '::';
  if (bytes.slice(0, 15).every(byte => byte === '00') && bytes[15] === '01') return '::1';
  return (bytes.join('').match(/.{4}/g) ?? []).join(':').toLowerCase();
}
