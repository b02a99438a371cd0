import type { CallEngine } from '../pbx/call-engine.ts';
import type { Directory } from '../pbx/directory.ts';
import type { EntityType, Row } from './entity-set.ts';

export const PBX_VERSION = '20.0.8.1109';

export const USER: EntityType = {
  name: 'Pbx.User',
  fields: [
    ...['Id', 'Number', 'FirstName', 'LastName', 'DisplayName', 'EmailAddress'],
    ...['IsRegistered', 'QueueStatus', 'CurrentProfileName'],
  ],
};
export const QUEUE: EntityType = {
  name: 'Pbx.Queue',
  fields: ['Id', 'Number', 'Name', 'PollingStrategy', 'RingTimeout', 'MasterTimeout', 'Agents', 'Managers'],
};
export const SERVICE: EntityType = {
  name: 'Pbx.ServiceInfo',
  fields: ['Name', 'DisplayName', 'Status', 'MemoryUsed', 'CpuUsage', 'ThreadCount', 'HandleCount', 'StartStopEnabled'],
};
export const SYSTEM_STATUS: EntityType = {
  name: 'Pbx.SystemStatus',
  fields: [
    ...['FQDN', 'Version', 'Activated', 'MaxSimCalls', 'CallsActive', 'ExtensionsRegistered', 'ExtensionsTotal'],
    ...['TrunksRegistered', 'TrunksTotal', 'DiskUsage', 'FreeDiskSpace', 'TotalDiskSpace', 'LicenseActive'],
    ...['LicenseKey', 'ProductCode', 'ExpirationDate', 'MaintenanceExpiresAt', 'BackupScheduled', 'LastBackupDateTime'],
    ...['HasNotRunningServices', 'OS', 'AutoUpdateEnabled', 'IpV4', 'IpV6'],
  ],
};

const FIRST_USER_ID = 21;
const FIRST_QUEUE_ID = 501;
const GIBIBYTE = 1024 ** 3;
/** The units of a 3CX on Debian (3cx.md §5). */
const SERVICES = [
  '3CXCfgServ01',
  '3CXPhoneSystem01',
  '3CXPhoneSystemMC01',
  '3CXMediaServer',
  '3CXIVR01',
  '3CXQueueManager01',
  '3CXCallFlow01',
  '3CXSystemService01',
  '3CXAudioProvider01',
  '3CXGatewayService',
  '3CXEventNotificationManager',
  'nginx',
];

export function userRows(directory: Directory): Row[] {
  const agents = new Set([...directory.queues.values()].flatMap(queue => queue.agents));
  return [...directory.extensions.values()].map(({ dn, name }, index) => {
    const [firstName = '', ...rest] = name.split(' ');
    return {
      Id: FIRST_USER_ID + index,
      Number: dn,
      FirstName: firstName,
      LastName: rest.join(' '),
      DisplayName: name,
      EmailAddress: `${dn}@pbx.invalid`,
      IsRegistered: true,
      QueueStatus: agents.has(dn) ? 'LoggedIn' : 'LoggedOut',
      CurrentProfileName: 'Available',
    };
  });
}

export function queueRows(directory: Directory): Row[] {
  const userIdOf = new Map(directory.dns.map((dn, index) => [dn, FIRST_USER_ID + index]));
  return [...directory.queues.values()].map(({ dn, name, agents }, index) => ({
    Id: FIRST_QUEUE_ID + index,
    Number: dn,
    Name: name,
    PollingStrategy: 'RingAll',
    RingTimeout: 20,
    MasterTimeout: 3600,
    Agents: agents.map(agent => ({
      Id: userIdOf.get(agent) ?? 0,
      Number: agent,
      Name: directory.extensions.get(agent)?.name ?? '',
      SkillGroup: '1',
      Tags: [],
    })),
    Managers: [],
  }));
}

export function serviceRows(): Row[] {
  return SERVICES.map(name => ({
    Name: name,
    DisplayName: name,
    Status: 'Running',
    MemoryUsed: 96 * 1024 ** 2,
    CpuUsage: 0,
    ThreadCount: 24,
    HandleCount: 300,
    StartStopEnabled: true,
  }));
}

export function systemStatus(engine: CallEngine, directory: Directory, license: { isActive: boolean }): Row {
  return {
    FQDN: 'pbx.invalid',
    Version: PBX_VERSION,
    Activated: true,
    MaxSimCalls: 64,
    CallsActive: engine.active().length,
    ExtensionsRegistered: directory.dns.length,
    ExtensionsTotal: directory.dns.length,
    TrunksRegistered: 1,
    TrunksTotal: 1,
    DiskUsage: 31,
    FreeDiskSpace: 55 * GIBIBYTE,
    TotalDiskSpace: 80 * GIBIBYTE,
    LicenseActive: license.isActive,
    LicenseKey: 'SIMU-LATE-DNOT-REAL',
    ProductCode: license.isActive ? '3CXENT' : '3CXPRO',
    ExpirationDate: '2099-12-31T00:00:00Z',
    MaintenanceExpiresAt: '2099-12-31T00:00:00Z',
    BackupScheduled: false,
    LastBackupDateTime: null,
    HasNotRunningServices: false,
    OS: 'Linux',
    AutoUpdateEnabled: false,
    IpV4: '127.0.0.1',
    IpV6: '',
  };
}
