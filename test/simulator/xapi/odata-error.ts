/** An answer of XAPI that is an error, in the envelope of `Pbx.ODataErrors.ODataError` (3cx.md §2.1). */
export class ODataError extends Error {
  readonly status: number;
  readonly code: string;
  readonly target: string;

  constructor(status: number, message: string, about: { code?: string; target?: string } = {}) {
    super(message);
    this.status = status;
    this.code = about.code ?? '';
    this.target = about.target ?? '';
  }

  get envelope() {
    return { error: { code: this.code, message: this.message, target: this.target, details: [] } };
  }
}

/** The words of the OData library that a real PBX uses. */
export function unknownProperty(property: string, type: string): ODataError {
  return new ODataError(400, `Could not find a property named '${property}' on type '${type}'.`, { target: property });
}
