import { get } from 'node:https';
import { connect } from 'node:tls';
import { type Finding, failure, ok, warning } from './check.ts';

const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 14;
const HTTPS = 443;
const SELF_SIGNED = /SELF_SIGNED/;

export interface Certificate {
  readonly validUntil: Date;
  /** Why a client would refuse it; null when none would. */
  readonly refusal: string | null;
}

/** @throws Error when nobody answers with TLS */
export function inspectCertificate(url: URL, timeoutMs: number): Promise<Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<Certificate>();
  const { hostname, port } = url;
  // Looked at, not trusted: whether a client would accept it is part of the answer.
  const socket = connect({
    host: hostname,
    port: Number(port || HTTPS),
    servername: hostname,
    rejectUnauthorized: false,
  });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  socket.once('error', cause => reject(new Error(`${url.host} does not speak TLS: ${cause.message}`, { cause })));
  socket.once('secureConnect', () => {
    const { valid_to: until } = socket.getPeerCertificate();
    const refusal = socket.authorized ? null : String(socket.authorizationError);
    socket.destroy();
    resolve({ validUntil: new Date(until), refusal });
  });
  return promise;
}

/** Of a GET, whatever its certificate: that is judged by itself. @throws Error when nobody answers */
export function statusOf(url: URL, timeoutMs: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = get(url, { rejectUnauthorized: false, timeout: timeoutMs }, answer => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  });
  asked.once('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  asked.once('error', cause => reject(new Error(`${url.host} does not answer: ${cause.message}`, { cause })));
  return promise;
}

export function judgeCertificate(what: string, { validUntil, refusal }: Certificate, now: number): Finding {
  const days = Math.floor((validUntil.getTime() - now) / DAY_MS);
  if (days < 0) return failure(`the certificate of ${what} ended ${-days} days ago`, 'renew it');
  if (refusal !== null && SELF_SIGNED.test(refusal))
    return warning(
      `the certificate of ${what} is signed by itself`,
      'give clients its authority, or take one that they trust',
    );
  if (refusal !== null)
    return failure(
      `the certificate of ${what} is refused (${refusal})`,
      'use the name it was made for, or one that clients trust',
    );
  if (days < EXPIRES_SOON_DAYS) return warning(`the certificate of ${what} ends in ${days} days`, 'renew it');
  return ok(`the certificate of ${what} is good for ${days} days`);
}
