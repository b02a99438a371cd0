/** An entry of Integrations → API in the admin console: who may sign in, and what it may see and do (3cx.md §1.1). */
export type ApiClient = {
  readonly id: string;
  readonly secret: string;
  /** The DNs it may monitor and control; null: all of them, which a real console makes you list one by one. */
  readonly dns: readonly string[] | null;
  /** The tick "3CX Call Control API Access". */
  readonly hasCallControl: boolean;
  /** The tick "3CX Configuration API". */
  readonly hasXapi: boolean;
  /** Department role behind the XAPI tick: with `user` the Users list and the call log answer 403. */
  readonly role: 'system_owner' | 'user';
};
