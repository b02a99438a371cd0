import { expect, test } from 'vitest';
import type { CheckContext } from '../doctor/check.ts';
import type { Settings } from '../settings.ts';
import { readKnown } from './known-values.ts';

const away = () => {
  throw new Error('away');
};

test('the names of the PBX and of the site are known, also without a store', async () => {
  const settings = {
    values: { FQDN: 'pbx.example.com:5001' },
    installation: { values: { SERVER_NAME: 'relay.example.org' } },
  } as unknown as Settings;
  const { names } = await readKnown(settings, { pool: away, redis: away } as unknown as CheckContext);
  expect([...names].toSorted()).toEqual(['pbx.example.com', 'relay.example.org']);
});
