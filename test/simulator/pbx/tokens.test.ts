import { expect, test } from 'vitest';
import { createManualClock } from './clock.ts';
import { TokenOffice } from './tokens.ts';

function createOffice() {
  const clock = createManualClock();
  const worthless: string[] = [];
  const office = new TokenOffice({
    clock,
    clientId: 'relay',
    clientSecret: 's',
    onWorthless: token => worthless.push(token),
  });
  return { clock, office, worthless };
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test('a token counts its life in minutes or in seconds, and the JWT tells the truth either way', () => {
  const { clock, office } = createOffice();
  const minutes = office.issue();
  expect(minutes).toMatchObject({ token_type: 'Bearer', expires_in: 60, refresh_token: null });
  office.configure({ expiresInUnit: 'seconds' });
  const seconds = office.issue();
  expect(seconds.expires_in).toBe(3600);
  for (const { access_token } of [minutes, seconds]) {
    const claims = claimsOf(access_token);
    expect(claims.exp * 1000).toBe(clock.now() + 3_600_000);
    expect(claims.role).toContain('Enterprise');
  }
});

test('a token is worth nothing once a newer one exists or its life is over', () => {
  const { clock, office, worthless } = createOffice();
  const first = office.issue().access_token;
  const second = office.issue().access_token;
  expect(office.accept(`Bearer ${first}`)).toBeNull();
  expect(office.accept(`Bearer ${second}`)).toBe(second);
  expect(office.accept(`Basic ${second}`)).toBeNull();
  clock.advance(3_600_000);
  expect(office.accept(`Bearer ${second}`)).toBeNull();
  expect(worthless).toEqual([]);
  office.configure({ closeSockets: true });
  const third = office.issue().access_token;
  office.expire();
  expect(worthless).toEqual([third]);
});
