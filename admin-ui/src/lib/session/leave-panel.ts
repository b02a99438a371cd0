import { goto } from '$app/navigation';
import type { Session } from './session.svelte.ts';

/** The address holds what somebody looked for. Who is signed out otherwise is led back to it; whoever leaves takes it along. */
export function leavePanel(session: Session): void {
  void session.signOut();
  void goto('#/', { replace: true });
}
