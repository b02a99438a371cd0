/** Somebody who is signed in to the panel, as the audit names who did a thing. */
export interface AdminActor {
  readonly kind: 'admin';
  readonly id: string;
  readonly name: string;
}

export function toAdminActor(user: { readonly id: number; readonly username: string }): AdminActor {
  return { kind: 'admin', id: String(user.id), name: user.username };
}
