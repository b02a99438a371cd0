interface Looked {
  readonly state: string;
  readonly since?: unknown;
  readonly checkedAt?: unknown;
}

type Dated<Looks> = {
  [Name in keyof Looks]: Looks[Name] & { readonly since: string; readonly checkedAt: string };
};

/**
 * Since when each component is in its state, of those whose state nobody else keeps: the time of the look that found the
 * change, and for what never changed that of the first look.
 */
export function createStateAges(now: () => number) {
  const seen = new Map<string, { readonly state: string; readonly since: string }>();
  return {
    /** What one look came to, with `since` and `checkedAt` where it says neither. ISO 8601. */
    date<Looks extends Readonly<Record<string, Looked>>>(looks: Looks): Dated<Looks> {
      const checkedAt = new Date(now()).toISOString();
      const dated = Object.entries(looks).map(([name, health]): [string, Looked] => {
        const before = seen.get(name);
        const since = before?.state === health.state ? before.since : checkedAt;
        seen.set(name, { state: health.state, since });
        return [name, { ...health, since: health.since ?? since, checkedAt: health.checkedAt ?? checkedAt }];
      });
      return Object.fromEntries(dated) as Dated<Looks>;
    },
  };
}
