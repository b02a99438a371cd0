import type { Component, ComponentName, Health } from './health.ts';

/** What keeps events from coming, or from being kept: whoever looks at any page should know. */
export interface Trouble {
  readonly name: ComponentName;
  readonly tone: 'bad' | 'warn';
  readonly title: string;
  /** What that means for what he looks at. */
  readonly meaning: string;
  /** What the component says itself. */
  readonly error: string | null;
}

type Known = Pick<Trouble, 'name' | 'tone' | 'title' | 'meaning'> & {
  /** Nothing is known of these, or they cannot work, while this one is away: they are no trouble of their own. */
  readonly hides: readonly ComponentName[];
  /** Other words for one that is there and cannot do its work. */
  readonly degraded?: Pick<Trouble, 'title' | 'meaning'> & Pick<Known, 'hides'>;
};

const COMES_LATER = 'Nothing new can be shown until it does. What happens meanwhile is kept, and comes then.';

const KNOWN: readonly Known[] = [
  {
    name: 'redis',
    tone: 'bad',
    title: 'Redis does not answer.',
    meaning: COMES_LATER,
    hides: ['log', 'ingest', 'pbx', 'persist'],
    degraded: { title: 'Redis takes no writes.', meaning: COMES_LATER, hides: ['log', 'ingest', 'pbx', 'persist'] },
  },
  {
    name: 'log',
    tone: 'bad',
    title: 'The event log does not answer.',
    meaning: COMES_LATER,
    hides: [],
    degraded: { title: 'Nothing that ingest writes arrives.', meaning: 'What is shown may be old.', hides: [] },
  },
  {
    name: 'ingest',
    tone: 'bad',
    title: 'Ingest is not running.',
    meaning: 'Nothing comes from the phone system. When it is back, a gap says what was missed.',
    hides: ['pbx'],
    degraded: { title: 'The event log does not take what ingest writes.', meaning: COMES_LATER, hides: [] },
  },
  {
    name: 'pbx',
    tone: 'bad',
    title: 'No connection to the phone system.',
    meaning: 'Nothing new comes until it is back. A gap then says what was missed.',
    hides: [],
  },
  {
    name: 'postgres',
    tone: 'warn',
    title: 'PostgreSQL does not answer.',
    meaning: 'Events go on live and are kept. What is older cannot be read until it does.',
    hides: ['persist'],
  },
  {
    name: 'persist',
    tone: 'warn',
    title: 'The history is behind.',
    meaning: 'Events go on live and are kept. History, errors and usage do not have them yet.',
    hides: [],
  },
];

/** The worst first; one for each cause. */
export function troublesOf({ components }: Health): Trouble[] {
  const states = new Map(components.map(component => [component.name, component]));
  const hidden = new Set<ComponentName>();
  return KNOWN.flatMap(({ degraded, ...whenDown }) => {
    const { name, tone } = whenDown;
    const component = states.get(name);
    if (!component || hidden.has(name) || !isAway(component)) return [];
    const { title, meaning, hides } = (component.state === 'degraded' && degraded) || whenDown;
    for (const other of hides) hidden.add(other);
    return [{ name, tone, title, meaning, error: component.error }];
  });
}

/** A state that this version has no word for alarms nobody. */
function isAway({ state }: Component): boolean {
  return state === 'down' || state === 'degraded';
}
