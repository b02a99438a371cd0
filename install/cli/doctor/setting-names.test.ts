import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { judgeSettingNames, KNOWN_SETTINGS, readSettingNames } from './setting-names.ts';

const example = readFileSync(fileURLToPath(new URL('../../../.env.example', import.meta.url)), 'utf8');

test('a name that no service knows is told, whichever service it was meant for', () => {
  const wrong = [
    'RELAY_HEARTBEAT',
    'INGEST_PING',
    'LOG_MAX_BYTE',
    'HISTORY_DAY',
    'ADMIN_SESSION',
    'AUDIT_ANCHOR',
    'SPOOL_DIRECTORY',
  ];
  for (const name of wrong)
    expect(judgeSettingNames(['PORT', name])).toMatchObject({ level: 'warning', text: expect.stringContaining(name) });
  expect(judgeSettingNames(wrong).text).toContain(wrong.join(', '));
});

test('every setting of .env.example but those of the checkout is known, and what is not ours is left alone', () => {
  const ofCheckout = /^(SIM_|RELAY_BUILD_PANEL$)/;
  const names = [...example.matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(80);
  const finding = judgeSettingNames([...names.filter(name => !ofCheckout.test(name)), 'NODE_EXTRA_CA_CERTS', 'TZ']);
  expect(finding).toEqual({ level: 'ok', text: expect.any(String) });
});

test('every setting that a service reads has a line in .env.example, where the panel reads what it means', () => {
  const lines = new Set([...example.matchAll(/^#? ?([A-Z][A-Z_0-9]+)=/gm)].map(([, name = '']) => name));
  expect(KNOWN_SETTINGS.size).toBeGreaterThan(80);
  expect([...KNOWN_SETTINGS].filter(name => !lines.has(name))).toEqual([]);
});

test('names are read from the files that are there: owner.env need not be', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  try {
    writeFileSync(join(folder, 'relay.env'), '# RELAY_A=1\nPORT=1\nRELAY_B="2"\n');
    expect(readSettingNames(folder)).toEqual(['PORT', 'RELAY_B']);
    writeFileSync(join(folder, 'owner.env'), 'DATABASE_URL=x\n');
    expect(readSettingNames(folder)).toEqual(['PORT', 'RELAY_B', 'DATABASE_URL']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
