const CERTIFICATE_CODE = /^(CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;
/** OpenSSL's answer to bytes that are no TLS. */
const NO_TLS_CODE = /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;

/**
 * What keeps two that reach each other from talking, with what to set; null when it is something else. Whoever asks
 * first meets it, and that is the token in all of ingest, so that each place has to tell it from an absent PBX.
 */
export function tlsProblemOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (CERTIFICATE_CODE.test(code)) {
    return `the certificate of the PBX is not accepted (${code}): use the name that it was made for in FQDN, name its authority in NODE_EXTRA_CA_CERTS, or set PBX_URL to the local http port`;
  }
  if (NO_TLS_CODE.test(code)) {
    return `what answers is no https (${code}): check the port in FQDN, or set PBX_URL to http:// with the local http port`;
  }
  return null;
}
