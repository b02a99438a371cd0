/** Reads single fields of an OData object that nobody guarantees: what is not of the expected kind is null. */
export type ODataRow = Readonly<Record<string, unknown>>;

export function isRow(value: unknown): value is ODataRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null for "" too: a 3CX sends it for an absent string. */
export function textOf(row: ODataRow, key: string): string | null {
  const value = row[key];
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

export function numberOf(row: ODataRow, key: string): number | null {
  const value = row[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function booleanOf(row: ODataRow, key: string): boolean | null {
  const value = row[key];
  return typeof value === 'boolean' ? value : null;
}

const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;

/** Unix ms of an ISO 8601 instant; one without a zone is UTC, never the zone of this host. */
export function instantOf(row: ODataRow, key: string): number | null {
  const value = row[key];
  if (typeof value !== 'string') return null;
  const ms = Date.parse(ZONE.test(value) || !value.includes('T') ? value : `${value}Z`);
  return Number.isNaN(ms) ? null : ms;
}

const DURATION = /^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Ms of an ISO 8601 duration such as `PT1M12.577027S`. */
export function durationOf(row: ODataRow, key: string): number | null {
  const value = row[key];
  const parts = typeof value === 'string' ? DURATION.exec(value) : null;
  if (!parts) return null;
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0'] = parts;
  const ms = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1_000;
  return Math.round(sign ? -ms : ms);
}

/** An OData date literal without fractions: the call log does not take them everywhere. */
export function toODataInstant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
