import type { Random } from './random.ts';

export type Device = { dn: string; device_id: string; user_agent: string };
type Extension = { dn: string; name: string; devices: Device[] };
/** A DN that only hands calls on: it has no devices, and no API client can list it (3cx.md §1.1). */
export type Distributor = { dn: string; name: string; agents: readonly string[] };

/** Who works here and who is outside. Fixed for one seed. */
export type Directory = {
  extensions: ReadonlyMap<string, Extension>;
  dns: readonly string[];
  queues: ReadonlyMap<string, Distributor>;
  ringGroups: ReadonlyMap<string, Distributor>;
  /** What is registered for a DN. A route point has one device as well: the official IVR sample calls from it. */
  devicesOf(dn: string): readonly Device[];
  trunkDn: string;
  /** Called numbers of the trunk. Call control does not reveal them (3cx.md C §1.5): they appear in ground truth only. */
  dids: readonly string[];
  /** An outside party; a few numbers come up often, most of them rarely. */
  outsideNumber(random: Random): string;
};

const FIRST_EXTENSION = 100;
const OUTSIDE_NUMBERS = 240;
const TEAM_SIZE = 5;

const NAMES = [
  'Amelia Hart, Jonas Becker, Priya Nair, Tomás Ortega, Ingrid Solberg, Marcus Webb, Leila Haddad, Owen Pritchard',
  'Chiara Bellini, Kwame Mensah, Sophie Laurent, Daniel Novak, Yuki Tanaka, Rosa Jiménez, Callum Reid, Hanna Lindqvist',
  'Peter Vogel, Nadia Rahman, Luca Moretti, Grace Oduya, Emil Nowak, Freya Madsen, Samir Aziz, Beatrix de Vries',
  'Victor Almeida, Zoë Fairbank, Mateusz Król, Aoife Brennan, Ravi Deshmukh, Élodie Garnier',
]
  .join(', ')
  .split(', ');

/** Ranges reserved for fiction: nobody answers them if one leaks into a real system (Ofcom, BNetzA, NANPA 555-01xx). */
const OUTSIDE_RANGES = ['+44207946', '+493023125', '+1202555'];

const USER_AGENTS = [
  'Yealink SIP-T54W 96.86.0.100',
  'snomD785/10.1.169.16',
  '3CX Desktop App 20.0.7',
  'Fanvil X6U 2.12.1',
];

export function createDirectory(random: Random, extensionCount: number): Directory {
  const extensions = new Map<string, Extension>();
  for (let index = 0; index < extensionCount; index++) {
    const dn = String(FIRST_EXTENSION + index);
    extensions.set(dn, { dn, name: nameOf(index), devices: createDevices(dn, random) });
  }

  const dns = [...extensions.keys()];
  const outside = Array.from({ length: OUTSIDE_NUMBERS }, () => {
    const range = random.pick(OUTSIDE_RANGES);
    return range === '+1202555'
      ? `${range}01${digits(random, 2)}`
      : `${range}${digits(random, range.length > 9 ? 3 : 4)}`;
  });

  return {
    extensions,
    dns,
    queues: distributors([
      { dn: '800', name: 'Support', agents: teamOf(dns, 0) },
      { dn: '801', name: 'Sales', agents: teamOf(dns, 1) },
    ]),
    ringGroups: distributors([{ dn: '810', name: 'Reception', agents: teamOf(dns, 2) }]),
    devicesOf: dn => extensions.get(dn)?.devices ?? [routePointDevice(dn)],
    trunkDn: '10007',
    dids: Array.from({ length: 8 }, (_, index) => `+49302312590${index}`),
    outsideNumber(draw) {
      // Squaring the draw makes the head of the list the regular customers.
      return outside[Math.floor(draw.unit() ** 2 * outside.length)] ?? '+442079460000';
    },
  };
}

/** Teams of five, the first again when the office is too small for another. */
function teamOf(dns: readonly string[], index: number): readonly string[] {
  const team = dns.slice(index * TEAM_SIZE, (index + 1) * TEAM_SIZE);
  return team.length >= 2 ? team : dns.slice(0, TEAM_SIZE);
}

function distributors(list: readonly Distributor[]): ReadonlyMap<string, Distributor> {
  return new Map(list.map(each => [each.dn, each]));
}

function nameOf(index: number): string {
  const name = NAMES[index % NAMES.length] ?? 'Reception';
  const lap = Math.floor(index / NAMES.length);
  return lap === 0 ? name : `${name} ${lap + 1}`;
}

/** `device_id` shapes as captured: a desk phone has a port of its own, an app carries an rinstance (3cx.md §1.5). */
function createDevices(dn: string, random: Random): Device[] {
  const desk = {
    dn,
    device_id: `sip:${dn}@127.0.0.1:${5060 + random.below(20)}`,
    user_agent: random.pick(USER_AGENTS),
  };
  if (random.chance(0.6)) return [desk];
  const instance = random
    .below(2 ** 32)
    .toString(16)
    .padStart(16, '0');
  return [
    desk,
    { dn, device_id: `sip:${dn}@127.0.0.1:5483;rinstance=${instance}`, user_agent: '3CX Mobile Client 20.0.7' },
  ];
}

/** The name of a real one is not captured. */
function routePointDevice(dn: string): Device {
  return { dn, device_id: `sip:${dn}@127.0.0.1:5483`, user_agent: '3CX Route Point' };
}

function digits(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.below(10)).join('');
}
