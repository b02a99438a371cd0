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
};

const KNOWN: readonly Known[] = [
  {
    name: 'redis',
    tone: 'bad',
    title: 'Redis does not answer.',
    meaning: 'Nothing new can be shown until it does. What happens meanwhile is kept, and comes then.',
    hides: ['log', 'ingest', 'pbx', 'persist'],
  },
  {
    name: 'log',
    tone: 'bad',
    title: 'The event log does not answer.',
    meaning: 'Nothing new can be shown until it does. What happens meanwhile is kept, and comes then.',
    hides: [],
  },
  {
    name: 'ingest',
    tone: 'bad',
    title: 'Ingest is not running.',
    meaning: 'Nothing comes from the phone system. When it is back, a gap says what was missed.',
    hides: ['pbx'],
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
  return KNOWN.flatMap(({ hides, ...words }) => {
    const component = states.get(words.name);
    if (!component || hidden.has(words.name) || !isAway(component)) return [];
    for (const name of hides) hidden.add(name);
    return [{ ...words, error: component.error }];
  });
}

/** A state that this version has no word for alarms nobody. */
function isAway({ state }: Component): boolean {
  return state === 'down' || state === 'degraded';
}
