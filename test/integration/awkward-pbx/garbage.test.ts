import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../fixtures/awkward-pbx.ts';

/** Frames that are none: each is an entry of `errors` with its beginning, and the stream goes on. */
let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx();
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());

const unreadable = async () => (await pbx.told()).filter(({ message }) => message.includes('cannot be read'));
async function expectToGoOn(): Promise<void> {
  const end = await pbx.ended(await pbx.play({ scenario: 'inbound', dn: '101', ringMs: ASKED_MS, talkMs: ASKED_MS }));
  expect(end).toMatchObject({ disposition: 'answered' });
}

describe('garbage on the socket', () => {
  test.each([
    { form: 'text', bytes: 900_000, costsSocket: false },
    { form: 'binary', bytes: 900_000, costsSocket: false },
    { form: 'truncated', bytes: 120, costsSocket: false },
    { form: 'invalid-utf8', bytes: 500, costsSocket: true },
    { form: 'text', bytes: 10 * 1024 * 1024, costsSocket: true },
    { form: 'json', bytes: 10 * 1024 * 1024, costsSocket: true },
  ])('$form of $bytes bytes is an error entry of a few kilobytes', async ({ costsSocket, ...garbage }) => {
    const [before, sockets] = [(await unreadable()).length, await pbx.sockets()];
    await pbx.fault({ kind: 'garbage', ...garbage });
    await waitFor(async () => (await unreadable()).length > before, { what: 'the entry' });
    const [entry, ...more] = (await unreadable()).slice(before);
    expect(more).toEqual([]);
    expect(JSON.stringify(entry).length).toBeLessThan(6_000);
    if (costsSocket) await waitFor(async () => (await pbx.sockets()) > sockets, { what: 'a new socket' });
    else expect(entry?.details).toMatchObject({ bytes: garbage.bytes, sample: expect.stringMatching(/./) });
    await expectToGoOn();
    expect(await pbx.sockets()).toBe(sockets + (costsSocket ? 1 : 0));
  });

  test('every kind at once costs neither the connection nor a frame of the calls', async () => {
    // The longest one that could be a frame was refused for its length.
    await pbx.renew();
    const sockets = await pbx.sockets();
    await pbx.fault({ kind: 'garbage', count: 16 });
    for (const form of ['missing-fields', 'json'] as const) await pbx.fault({ kind: 'garbage', count: 5, form });
    await expectToGoOn();
    expect(await pbx.sockets()).toBe(sockets);
    const logged = new Set((await pbx.logged()).map(frame => JSON.stringify(frame)));
    expect((await pbx.delivered()).filter(frame => !logged.has(JSON.stringify(frame)))).toEqual([]);
  });
});
