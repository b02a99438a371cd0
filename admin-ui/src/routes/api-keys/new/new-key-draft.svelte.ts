import type { NewApiKeyRequest } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import { PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import type { KeyPreset } from '../../../lib/keys/presets.ts';

export const STEPS = ['purpose', 'permissions', 'restrictions', 'expiry'] as const;

export type Step = (typeof STEPS)[number];

export type Expiry = '30d' | '90d' | '365d' | 'date' | 'never';

/** What is wrong, and where. */
export interface DraftProblem {
  readonly field: string;
  readonly message: string;
}

/** Where what the relay refuses is filled in. */
const STEP_OF_FIELD: Readonly<Record<string, Step>> = {
  clientName: 'purpose',
  permissions: 'permissions',
  dns: 'restrictions',
  addresses: 'restrictions',
  expiresAt: 'expiry',
};

const DAY_MS = 24 * 3_600_000;
const DAYS: Readonly<Partial<Record<Expiry, number>>> = { '30d': 30, '90d': 90, '365d': 365 };

/** A key on its way: what was filled in so far. */
export class NewKeyDraft {
  preset = $state.raw<KeyPreset | null>(null);
  clientName = $state('');
  permissions = $state.raw<readonly Permission[]>([]);
  /** Separated by commas, spaces or lines. */
  dns = $state('');
  addresses = $state('');
  maxConnections = $state('');
  requestsPerSecond = $state('');
  expiry = $state<Expiry>('365d');
  /** `2027-01-31`: through that day, in the viewer's zone. */
  lastDay = $state('');
  isNeverMeant = $state(false);

  choose(preset: KeyPreset): void {
    this.preset = preset;
    this.permissions = preset.permissions;
  }

  /** In the order in which they are always listed. */
  allow(permission: Permission, isAllowed: boolean): void {
    this.permissions = PERMISSIONS.filter(each => (each === permission ? isAllowed : this.permissions.includes(each)));
  }

  /** Of one step; null: it can be left. */
  problemOf(step: Step): DraftProblem | null {
    switch (step) {
      case 'purpose':
        if (this.preset === null) return { field: 'preset', message: 'Choose what the key is for.' };
        return this.clientName.trim() === ''
          ? { field: 'clientName', message: 'Name who will use the key, so that others know whose it is.' }
          : null;
      case 'permissions':
        return this.permissions.length === 0
          ? { field: 'permissions', message: 'Choose at least one permission.' }
          : null;
      case 'restrictions':
        return this.#limitProblem();
      case 'expiry':
        return this.#expiryProblem();
    }
  }

  /** The first step that cannot be left yet; null: the key can be made. */
  get firstUnfinished(): Step | null {
    return STEPS.find(step => this.problemOf(step) !== null) ?? null;
  }

  /** Unix ms; null: never, or the day is not chosen yet. */
  expiresAt(now: number): number | null {
    const days = DAYS[this.expiry];
    if (days !== undefined) return now + days * DAY_MS;
    if (this.expiry !== 'date') return null;
    const end = new Date(`${this.lastDay}T23:59:59.999`).getTime();
    return Number.isNaN(end) ? null : end;
  }

  toRequest(now: number): NewApiKeyRequest {
    const expiresAt = this.expiresAt(now);
    const maxConnections = limitOf(this.maxConnections);
    const requestsPerSecond = limitOf(this.requestsPerSecond);
    return {
      clientName: this.clientName.trim(),
      permissions: [...this.permissions],
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      dns: listOf(this.dns),
      addresses: listOf(this.addresses),
      limits: maxConnections === null && requestsPerSecond === null ? null : { maxConnections, requestsPerSecond },
    };
  }

  #limitProblem(): DraftProblem | null {
    for (const field of ['maxConnections', 'requestsPerSecond'] as const) {
      const limit = limitOf(this[field]);
      if (limit !== null && !(Number.isInteger(limit) && limit > 0)) {
        return { field: `limits.${field}`, message: 'A whole number from 1, or nothing for the relay’s default.' };
      }
    }
    return null;
  }

  #expiryProblem(): DraftProblem | null {
    if (this.expiry === 'never' && !this.isNeverMeant) {
      return { field: 'never', message: 'Say that you mean it, or choose when the key ends.' };
    }
    if (this.expiry === 'date' && !((this.expiresAt(0) ?? Number.NaN) > Date.now())) {
      return { field: 'expiresAt', message: 'Choose a day that is not over yet.' };
    }
    return null;
  }
}

/** Where to fill in again what `field` is about. */
export function stepOfField(field: string): Step {
  return STEP_OF_FIELD[field.split('.')[0] ?? ''] ?? 'restrictions';
}

function limitOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}

/** Null: nothing is filled in, and nothing restricted. */
function listOf(text: string): string[] | null {
  const values = text.split(/[\s,;]+/).filter(value => value !== '');
  return values.length === 0 ? null : values;
}
