import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { expect, test } from 'vitest';
import { createRecordPages } from './record-pages.ts';

/** Records of a PBX whose database fails with this code, and whose XAPI answers or does not. */
function createStand(code: string, { hasXapi }: { hasXapi: boolean }) {
  const told: string[] = [];
  const fail = (failure: string) => () => Promise.reject(new OperatorError(failure, `no: ${failure}`));
  const pages = createRecordPages({
    database: { isConfigured: true, segments: fail(code), agentStates: fail(code) },
    xapi: {
      historyReader: async () => 'call-log',
      segments: hasXapi ? async () => ({ rows: [], next: null }) : fail('PBX_FAILED'),
    },
    errors: { logError: (component, severity, message) => told.push(`${component} ${severity}: ${message}`) },
  });
  const span = { fromMs: 0, toMs: 1_000, limit: 10, dns: null, numbers: null, cursor: null };
  const request = { ...span, expiresAt: Date.now() + 60_000 };
  return {
    told,
    calls: () => pages.calls({ ...request, kind: 'cdr' }, new AbortController().signal),
    agentStates: () => pages.agentStates(request),
  };
}

test('records that neither had are an error of the database, and of XAPI by its own word', async () => {
  const stand = createStand('PBX_DB_TIMEOUT', { hasXapi: false });
  expect(await stand.calls()).toMatchObject({ ok: false });
  expect(await stand.agentStates()).toMatchObject({ ok: false });
  const message =
    "database error: records that were asked for could not be read from the PBX's database: no: PBX_DB_TIMEOUT";
  expect(stand.told).toEqual([message, message]);
});

test('records that came from XAPI instead are a warning', async () => {
  const stand = createStand('PBX_DB_TIMEOUT', { hasXapi: true });
  expect(await stand.calls()).toMatchObject({ ok: true, source: 'xapi' });
  expect(stand.told).toEqual([expect.stringMatching(/^database warning: .*PBX_DB_TIMEOUT; they came from XAPI$/)]);
});

test.each(['PBX_DB_ABSENT', 'PBX_TABLE_ABSENT'])('that this PBX has no such thing (%s) is no error', async code => {
  const stand = createStand(code, { hasXapi: true });
  await stand.calls();
  await stand.agentStates();
  expect(stand.told).toEqual([]);
});
