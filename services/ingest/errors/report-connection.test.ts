import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { expect, test } from 'vitest';
import { waitFor } from '../../../test/harness/wait-for.ts';
import type { SocketNews } from '../pbx/callcontrol/callcontrol-websocket.ts';
import { reportConnection } from './report-connection.ts';
import { reportRefusals } from './report-refusals.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

function createSink() {
  const told: string[] = [];
  return { told, logger, errors: { logError: (_: string, severity: string) => void told.push(severity) } };
}

function createSocket(state: 'connected' | 'down') {
  let handler: (news: SocketNews) => void = () => undefined;
  const socket = {
    state,
    error: null as string | null,
    subscribe(wanted: (news: SocketNews) => void) {
      handler = wanted;
      return () => undefined;
    },
  };
  return { socket, tell: (news: SocketNews) => handler(news) };
}

test('a lost connection is a warning, its return good news, and the first one none', () => {
  const sink = createSink();
  const { socket, tell } = createSocket('connected');
  const report = reportConnection(socket, sink);
  tell({ kind: 'open', at: 1 });
  tell({ kind: 'lost', at: 2, detail: 'closed with 1006', lateSince: null });
  tell({ kind: 'open', at: 3 });
  expect(sink.told).toEqual(['warning', 'info']);
  report.stop();
});

test('a PBX that never comes is critical, and told again when it comes', async () => {
  const sink = createSink();
  const { socket, tell } = createSocket('down');
  const report = reportConnection(socket, sink, 0);
  await waitFor(() => sink.told.length > 0, { what: 'the report' });
  tell({ kind: 'open', at: 1 });
  expect(sink.told).toEqual(['critical', 'info']);
  report.stop();
});

test('a socket that the PBX forbids is critical at once and once, one 401 is not, and the network is not blamed', async () => {
  const sink = createSink();
  const { socket, tell } = createSocket('down');
  const report = reportConnection(socket, sink, 50);
  const refuse = (status: number) => tell({ kind: 'refused', at: 1, status, sentence: `no (${status})` });
  refuse(401);
  expect(sink.told).toEqual([]);
  refuse(401);
  refuse(401);
  refuse(403);
  refuse(403);
  expect(sink.told).toEqual(['critical', 'critical']);
  await new Promise(resolve => setTimeout(resolve, 1_200));
  tell({ kind: 'open', at: 2 });
  tell({ kind: 'open', at: 3 });
  expect(sink.told).toEqual(['critical', 'critical', 'info']);
  refuse(401);
  expect(sink.told).toHaveLength(3);
  report.stop();
});

test('a refused token is critical once, an unreachable PBX is not its business', async () => {
  const sink = createSink();
  let answer: () => Promise<string> = async () => 'token';
  const token = reportRefusals({ ensureValidToken: () => answer(), tokenExpiry: 7, invalidate: () => undefined }, sink);
  expect(await token.ensureValidToken()).toBe('token');
  for (const code of ['PBX_UNREACHABLE', 'PBX_CREDENTIALS_REFUSED', 'PBX_CREDENTIALS_REFUSED']) {
    answer = async () => {
      throw new OperatorError(code, 'no');
    };
    await expect(token.ensureValidToken()).rejects.toMatchObject({ code });
  }
  answer = async () => 'another';
  await token.ensureValidToken();
  await token.ensureValidToken();
  expect([sink.told, token.tokenExpiry]).toEqual([['critical', 'info'], 7]);
});
