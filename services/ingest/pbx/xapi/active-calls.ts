import { booleanOf, instantOf, numberOf, type ODataRow, textOf } from './odata-fields.ts';

/** One row of XAPI's ActiveCalls. Times are Unix ms by the clock of the PBX; compare them with `serverNow` only. */
export interface ActiveCall {
  readonly id: number;
  /** A display string such as `10007 +49301234567` or `101 Ada Lovelace`. */
  readonly caller: string | null;
  /** The same; a call that waits in a queue has the queue here. */
  readonly callee: string | null;
  /** Initiating, Routing, Dialing, Ringing, Connected, Talking, Transferring. */
  readonly status: string | null;
  readonly lastChangeAt: number | null;
  readonly establishedAt: number | null;
  readonly serverNow: number | null;
}

export function parseActiveCall(row: ODataRow): ActiveCall | null {
  const id = numberOf(row, 'Id');
  if (id === null) return null;
  return {
    id,
    caller: textOf(row, 'Caller'),
    callee: textOf(row, 'Callee'),
    status: textOf(row, 'Status'),
    lastChangeAt: instantOf(row, 'LastChangeStatus'),
    establishedAt: instantOf(row, 'EstablishedAt'),
    serverNow: instantOf(row, 'ServerNow'),
  };
}

/** The DN at the start of a display string: `8003` of `8003 - Queue 1`. */
export function dnOfDisplay(display: string | null): string | null {
  return display?.trim().split(/\s/, 1)[0] || null;
}

/** What XAPI's SystemStatus says of the PBX, as far as it is of use here. */
export interface SystemStatus {
  readonly version: string | null;
  readonly fqdn: string | null;
  readonly isActivated: boolean | null;
  readonly isLicenceActive: boolean | null;
  readonly maxSimultaneousCalls: number | null;
  readonly callsActive: number | null;
  readonly extensionsRegistered: number | null;
  readonly extensionsTotal: number | null;
  readonly trunksRegistered: number | null;
  readonly trunksTotal: number | null;
  readonly hasNotRunningServices: boolean | null;
}

export function toSystemStatus(row: ODataRow): SystemStatus {
  return {
    version: textOf(row, 'Version'),
    fqdn: textOf(row, 'FQDN'),
    isActivated: booleanOf(row, 'Activated'),
    isLicenceActive: booleanOf(row, 'LicenseActive'),
    maxSimultaneousCalls: numberOf(row, 'MaxSimCalls'),
    callsActive: numberOf(row, 'CallsActive'),
    extensionsRegistered: numberOf(row, 'ExtensionsRegistered'),
    extensionsTotal: numberOf(row, 'ExtensionsTotal'),
    trunksRegistered: numberOf(row, 'TrunksRegistered'),
    trunksTotal: numberOf(row, 'TrunksTotal'),
    hasNotRunningServices: booleanOf(row, 'HasNotRunningServices'),
  };
}
