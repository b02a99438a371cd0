import { settingMeanings } from 'virtual:setting-meanings';
import type { AboutAnswer } from '@3cx-relay/shared/wire/admin/about.ts';

/** A setting with what each service runs with, which differs when one was started with another environment. */
export interface Setting {
  readonly name: string;
  readonly values: readonly { readonly value: string; readonly services: readonly string[] }[];
  readonly meaning: string | null;
}

/** This instance says by itself what it runs with; of the others there is what they said when they started. */
export function toSettings({ config, services }: Pick<AboutAnswer, 'config' | 'services'>): readonly Setting[] {
  const byService = services.map(({ service, settings }) => ({
    service,
    settings: service === 'relay' ? config : (settings ?? {}),
  }));
  const names = [...new Set(byService.flatMap(({ settings }) => Object.keys(settings)))].toSorted();
  return names.map(name => {
    const services = new Map<string, string[]>();
    for (const { service, settings } of byService) {
      if (!(name in settings)) continue;
      const value = shown(settings[name]);
      services.set(value, [...(services.get(value) ?? []), service]);
    }
    return {
      name,
      values: [...services].map(([value, of]) => ({ value, services: of })),
      meaning: settingMeanings[name] || null,
    };
  });
}

export function matches({ name, meaning, values }: Setting, text: string): boolean {
  const wanted = text.toLowerCase().split(/\s+/);
  const all = [name, meaning ?? '', ...values.map(({ value }) => value)].join(' ').toLowerCase();
  return wanted.every(word => all.includes(word));
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'not set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
