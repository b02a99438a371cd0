import type { Board, OpenWallboardAnswer } from '@3cx-relay/shared/wire/admin/wallboards.ts';
import type { AdminApi } from '../api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';

const EVERY_MS = 2_000;
/** From here on what a screen shows is not of now any more. */
export const OLD_FROM_MS = 15_000;

/** What a screen shows: asked for again and again, for months, without anybody who would reload the page. */
export class Wall {
  board = $state.raw<Board | null>(null);
  /** Unix ms of the last answer, by this machine's clock. */
  readAt = $state<number | null>(null);
  /** The link is no longer good: no further question helps. */
  isOver = $state(false);
  problem = $state.raw<AdminProblem | null>(null);
  readonly #api: AdminApi;
  readonly #zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(api: AdminApi) {
    this.#api = api;
  }

  /** `token` of the link; null when it was opened before, or somebody is signed in. */
  async start(token: string | null, onOpened: () => void): Promise<void> {
    if (token !== null && !(await this.#open(token))) return;
    if (token !== null) onOpened();
    await this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #open(token: string): Promise<boolean> {
    while (!this.#isStopped) {
      try {
        await this.#api.post<OpenWallboardAnswer>('wallboards/open', { token });
        return true;
      } catch (error) {
        if (this.#fail(error)) return false;
        await new Promise(resolve => setTimeout(resolve, this.problem?.retryAfterMs ?? EVERY_MS));
      }
    }
    return false;
  }

  async #read(): Promise<void> {
    try {
      const board = await this.#api.get<Board>('wallboards/board', { zone: this.#zone });
      if (this.#isStopped) return;
      this.board = board;
      this.readAt = Date.now();
      this.problem = null;
    } catch (error) {
      if (this.#fail(error)) return;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#read(), EVERY_MS);
  }

  /** Whether it is over. */
  #fail(error: unknown): boolean {
    this.problem = toAdminProblem(error);
    this.isOver = this.problem.status === 401;
    return this.isOver;
  }
}
