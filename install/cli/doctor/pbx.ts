import { formatSpan } from '../print.ts';
import { inspectCertificate, judgeCertificate } from './certificate.ts';
import { type Check, type CheckContext, type Finding, failure, ok, unknown, warning } from './check.ts';
import type { IngestWord } from './ingest-word.ts';

const WITHIN_MS = 5_000;
const SKEW_MS = 5_000;
const SILENT = failure('ingest says nothing', 'see "ready-ingest": it does not run, or not with this PBX_ID');

/** Sentences of ingest about what waiting cannot mend. */
const LICENCE = /licen[cs]e/i;
const ROLE = /role of the API client|\(403\)|may not use XAPI|forbids/i;

/**
 * The phone system. Signing in is judged by what ingest says alone: a PBX gives each API client one token, and one that
 * was made here would end the one that works.
 */
export const pbxChecks: readonly Check[] = [
  {
    name: 'pbx-address',
    of: 'ingest',
    run: async ({ settings, now }) => {
      const url = pbxUrlOf(settings.values);
      if (!url) return unknown('neither FQDN nor PBX_URL is set');
      if (url.protocol === 'https:')
        return judgeCertificate(`the PBX (${url.host})`, await inspectCertificate(url, WITHIN_MS), now());
      await askForDate(url);
      return ok(`the PBX answers at ${url.origin}, without TLS`);
    },
  },
  {
    name: 'pbx-token',
    run: context =>
      fromIngest(context, ({ components, error }) => {
        const said = [components.get('xapi')?.error, components.get('websocket')?.error, error];
        const refused = said.find(sentence => sentence && /\(401\)|token|CLIENT_SECRET/i.test(sentence));
        const fix = 'compare CLIENT_ID and CLIENT_SECRET with Integrations → API; no other program may use that client';
        if (refused) return failure(refused, fix);
        const isUsed = components.get('xapi')?.state === 'up' || components.get('websocket')?.state === 'up';
        return isUsed ? ok('the PBX gives out a token') : unknown('not known while the PBX does not answer');
      }),
  },
  {
    name: 'pbx-licence',
    run: context =>
      fromIngest(context, ({ components, error, isLicenceActive }) => {
        const said = [components.get('xapi')?.error, components.get('websocket')?.error, error];
        const refused = said.find(sentence => sentence && LICENCE.test(sentence));
        const fix = 'call control needs an Enterprise licence with 8 simultaneous calls or more';
        if (refused) return failure(refused, fix);
        if (isLicenceActive === false) return failure('the PBX says that its licence is not active', fix);
        if (isLicenceActive || components.get('websocket')?.state === 'up')
          return ok('the licence includes call control');
        return unknown('not known while the PBX does not answer');
      }),
  },
  {
    name: 'pbx-role',
    run: context => fromIngest(context, judgeRole),
  },
  {
    name: 'pbx-socket',
    run: context =>
      fromIngest(context, ({ state, socketSince, lastFrameAt, error }) => {
        const fix = 'ingest goes on trying; the sentence says what it waits for';
        if (state !== 'connected')
          return failure(`the call-control socket is ${state ?? 'not open'}: ${error ?? ''}`, fix);
        const now = context.now();
        const since = socketSince === null ? '' : ` for ${formatSpan(now - Date.parse(socketSince))}`;
        const last =
          lastFrameAt === null ? 'no frame yet' : `last frame ${formatSpan(now - Date.parse(lastFrameAt))} ago`;
        return error === null
          ? ok(`the socket is open${since}, ${last}`)
          : warning(`the socket is open${since}: ${error}`, fix);
      }),
  },
  {
    name: 'pbx-extensions',
    run: context => fromIngest(context, judgeExtensions),
  },
  {
    name: 'pbx-database',
    run: context =>
      fromIngest(context, ({ database, components }) => {
        const state = components.get('database');
        if (database?.records) return ok(`call records in ${database.records}, found in ${database.origin}`);
        const fix = 'set PBX_INI or PBX_DB_URL, or do without: records then come from XAPI';
        if (database) return warning(`the database (${database.origin}) has no call records that are known`, fix);
        if (state?.state === 'absent') return warning('no database of the PBX is configured', fix);
        return failure(`the database of the PBX is ${state?.state ?? 'not known'}: ${state?.error ?? ''}`, fix);
      }),
  },
  {
    name: 'spool',
    run: context =>
      fromIngest(context, ({ spoolBytes }) => {
        if (!spoolBytes) return ok('nothing waits in the spool file');
        return warning(
          `${spoolBytes} bytes wait in the spool file`,
          'Redis is or was away; they go in when it is back',
        );
      }),
  },
  {
    name: 'clock',
    run: async ({ settings, run, now }) => {
      const shown = await run('timedatectl', 'show', '--property=NTPSynchronized', '--value');
      const isSynchronised = shown.isMissing || shown.code !== 0 ? null : shown.output.trim() === 'yes';
      const url = pbxUrlOf(settings.values);
      const before = now();
      const date = url ? await askForDate(url).catch(() => null) : null;
      const skewMs = date === null ? null : date - (before + now()) / 2;
      return judgeClock(isSynchronised, skewMs);
    },
  },
];

async function fromIngest(context: CheckContext, judge: (word: IngestWord) => Finding): Promise<Finding> {
  const word = await context.ingest();
  return word === null ? SILENT : judge(word);
}

/** Ingest asks for what only the role System Owner may read, and says in the state of XAPI what is refused. */
export function judgeRole({ components }: Pick<IngestWord, 'components'>): Finding {
  const xapi = components.get('xapi');
  if (xapi?.error && ROLE.test(xapi.error))
    return failure(xapi.error, 'give the API client the role System Owner and tick Configuration API');
  return xapi?.state === 'up' ? ok('the API client may use XAPI') : unknown('not known while XAPI does not answer');
}

export function judgeExtensions({
  extensions: { monitored, total },
  missingExtensions,
}: Pick<IngestWord, 'extensions' | 'missingExtensions'>): Finding {
  if (monitored === null) return unknown('which extensions are monitored is not known yet');
  if (monitored === 0)
    return failure(
      'no extension is monitored: no call is seen',
      'choose extensions on the API client in Integrations → API',
    );
  if (total === null) return unknown(`${monitored} extensions are monitored; how many there are is not known`);
  if (monitored >= total) return ok(`all ${total} extensions are monitored`);
  const fix = 'add the others to the API client in Integrations → API, if their calls are wanted';
  const text = `${monitored} of ${total} extensions are monitored: calls of the others are not seen`;
  const left = total - monitored - missingExtensions.length;
  const names = missingExtensions.join(', ') + (left > 0 ? ` and ${left} more` : '');
  return warning(missingExtensions.length === 0 ? text : `${text} (${names})`, fix);
}

/** `skewMs`: how far the PBX is ahead. A Date header has whole seconds. */
export function judgeClock(isSynchronised: boolean | null, skewMs: number | null): Finding {
  const fix = 'let both machines follow a time server (timedatectl set-ntp true)';
  if (skewMs !== null && Math.abs(skewMs) > SKEW_MS) {
    const seconds = Math.round(Math.abs(skewMs) / 1_000);
    return failure(`the PBX's clock is ${seconds} s ${skewMs > 0 ? 'ahead' : 'behind'}`, fix);
  }
  if (isSynchronised === false) return warning('the clock of this machine follows no time server', fix);
  if (isSynchronised === null && skewMs === null)
    return unknown('neither timedatectl nor the PBX says what time it is');
  return ok(skewMs === null ? 'the clock follows a time server' : 'the clock agrees with the PBX');
}

/** Unix ms that the PBX says it has; null when it says none. @throws when it does not answer */
async function askForDate(url: URL): Promise<number | null> {
  const answer = await fetch(url.origin, {
    method: 'HEAD',
    redirect: 'manual',
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  const date = Date.parse(answer.headers.get('date') ?? '');
  return Number.isNaN(date) ? null : date;
}

function pbxUrlOf(values: Readonly<Record<string, string | undefined>>): URL | null {
  const text = values.PBX_URL ?? (values.FQDN ? `https://${values.FQDN}` : '');
  return URL.canParse(text) ? new URL(text) : null;
}
