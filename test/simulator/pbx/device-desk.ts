import type { Device, Directory } from './directory.ts';
import { REMOVE, type Switchboard, UPSERT } from './switchboard.ts';

type DeviceWish = { dn: string; deviceId?: string; registered: boolean };

/**
 * Phones and apps that come and go. An event `/callcontrol/{dn}/devices/{device_id}` is expected from the data model
 * (3cx.md §1.3), nobody has shown one; we spell the id in it as it has to be spelled in a GET.
 */
export function createDeviceDesk(directory: Directory, board: Switchboard) {
  const raise = (type: number, { dn, device_id }: Device): void =>
    board.raise(type, `/callcontrol/${dn}/devices/${encodeURIComponent(device_id)}`, { dn });

  return {
    /** The device in question, or null when none of that name was registered. Without a name: the last one, or a new one. */
    change({ dn, deviceId, registered }: DeviceWish): Device | null {
      const devices = directory.extensions.get(dn)?.devices ?? [];
      const known = deviceId === undefined ? devices.at(-1) : devices.find(each => each.device_id === deviceId);
      if (registered) {
        const named = deviceId !== undefined && known ? known : null;
        const device = named ?? {
          dn,
          device_id: deviceId ?? `sip:${dn}@127.0.0.1:${5500 + devices.length}`,
          user_agent: '3CX Desktop App 20.0.7',
        };
        if (!named) devices.push(device);
        raise(UPSERT, device);
        return device;
      }
      if (!known) return null;
      devices.splice(devices.indexOf(known), 1);
      raise(REMOVE, known);
      return known;
    },
  };
}
