import { expect, test } from 'vitest';
import { ClientRegister } from './client-register.ts';
import { createManualClock } from './clock.ts';
import { TokenOffice } from './tokens.ts';

function createOffice() {
  const clock = createManualClock();
  const worthless: string[] = [];
  const register = new ClientRegister({ id: 'relay', secret: 's' });
  const office = new TokenOffice({
    clock,
    register,
    onWorthless: (token, closesSockets) => void (closesSockets && worthless.push(token)),
  });
  const issue = (id = 'relay') => {
    const client = office.signIn(id, 's');
    if (!client) throw new Error(`${id} is no client`);
    return office.issue(client);
  };
  return { clock, office, register, issue, worthless };
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test('a token counts its life in minutes or in seconds, and the JWT tells the truth either way', () => {
  const { clock, office, issue } = createOffice();
  const minutes = issue();
  expect(minutes).toMatchObject({ token_type: 'Bearer', expires_in: 60, refresh_token: null });
  office.configure({ expiresInUnit: 'seconds' });
  const seconds = issue();
  expect(seconds.expires_in).toBe(3600);
  for (const { access_token } of [minutes, seconds]) {
    const claims = claimsOf(access_token);
    expect(claims.exp * 1000).toBe(clock.now() + 3_600_000);
    expect(claims.role).toContain('Enterprise');
  }
});

test('a token is worth nothing once a newer one exists or its life is over', () => {
  const { clock, office, issue, worthless } = createOffice();
  const first = issue().access_token;
  const second = issue().access_token;
  expect(office.accept(`Bearer ${first}`)).toBeNull();
  expect(office.accept(`Bearer ${second}`)).toMatchObject({ client: { id: 'relay' }, token: second });
  expect(office.accept(`Basic ${second}`)).toBeNull();
  clock.advance(3_600_000);
  expect(office.accept(`Bearer ${second}`)).toBeNull();
  expect(worthless).toEqual([]);
  office.configure({ closeSockets: true });
  const third = issue().access_token;
  office.expire();
  expect(worthless).toEqual([third]);
});

test('a new token leaves the tokens of other clients alone, unless the PBX knows only one', () => {
  const { office, register, issue } = createOffice();
  register.set({ id: 'other', secret: 's' });
  const [relay, other] = [issue().access_token, issue('other').access_token];
  expect(office.accept(`Bearer ${relay}`)?.client.id).toBe('relay');
  expect(office.accept(`Bearer ${other}`)?.client.id).toBe('other');
  office.configure({ oneTokenPerPbx: true });
  const newest = issue('other').access_token;
  expect(office.accept(`Bearer ${relay}`)).toBeNull();
  expect(office.accept(`Bearer ${newest}`)?.client.id).toBe('other');
});

test('the JWT says Enterprise only on a licensed PBX, and a changed client is seen through its old token', () => {
  const { office, register, issue } = createOffice();
  register.licence = { enterprise: false, status: 403 };
  const { access_token } = issue();
  expect(claimsOf(access_token).role).not.toContain('Enterprise');
  register.set({ id: 'relay', dns: ['101'] });
  expect(office.accept(`Bearer ${access_token}`)?.client).toMatchObject({ dns: ['101'], secret: 's' });
});
