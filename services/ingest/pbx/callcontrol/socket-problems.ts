/** What the call-control socket met, in words an operator can act on. */
export function unreadableReasonOf(error: Error, maxFrameBytes: number): string | null {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return `a frame longer than ${maxFrameBytes} bytes`;
  return code === 'WS_ERR_INVALID_UTF8' ? 'a text frame that is not UTF-8' : null;
}

export function refusalSentence(status: number): string {
  switch (status) {
    case 401:
      return 'the PBX refused the call-control socket (401): the token is old, or CLIENT_ID and CLIENT_SECRET are wrong: compare them with Integrations → API in the 3CX admin console';
    case 403:
      return 'the PBX forbids the call-control socket (403): it needs an Enterprise licence and the tick "3CX Call Control API Access"';
    case 404:
      return 'the PBX has no call-control socket (404): it needs 3CX V20 with an Enterprise licence';
    default:
      return `the PBX answered the call-control socket with ${status}`;
  }
}
