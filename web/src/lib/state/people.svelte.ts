import { SvelteMap } from 'svelte/reactivity';
import { http } from '../api/http';
import type { User } from '../api/types';

/** Long enough that a page of messages asks once, short enough that nobody sees an empty name. */
const GATHER_MS = 15;
const MOST_AT_ONCE = 100;

/** People by id. Messages carry ids only; who they are is asked for in batches and kept. */
class People {
  private known = new SvelteMap<string, User>();
  private wanted = new Set<string>();
  private asked = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  get(id: string): User | undefined {
    return this.known.get(id);
  }

  /** What somebody wants to be called, or `undefined` while it is on its way. */
  name(id: string): string | undefined {
    const user = this.known.get(id);
    return user?.display_name ?? user?.name;
  }

  /** Everybody who was met so far. */
  get all(): User[] {
    return [...this.known.values()];
  }

  know(user: User): void {
    const old = this.known.get(user.id);
    const isSame = old?.name === user.name && old.display_name === user.display_name && old.colour === user.colour;
    if (!isSame) this.known.set(user.id, user);
  }

  knowAll(users: readonly User[]): void {
    for (const user of users) this.know(user);
  }

  want(id: string): void {
    if (this.asked.has(id) || this.known.has(id)) return;
    this.ask(id);
  }

  wantAll(ids: readonly string[]): void {
    for (const id of ids) this.want(id);
  }

  /** Waits until these are known, for what is told once and not put right later. Without an answer they stay unknown. */
  async meet(ids: readonly string[]): Promise<void> {
    const strangers = ids.filter((id) => !this.known.has(id)).slice(0, MOST_AT_ONCE);
    if (strangers.length === 0) return;
    const { users } = await http.users(strangers).catch(() => ({ users: [] }));
    for (const user of users) this.know(user);
  }

  /** Somebody goes by another name now; what is shown stays until the new one is there. */
  renew(id: string): void {
    if (this.known.has(id)) this.ask(id);
  }

  forget(): void {
    this.known.clear();
    this.asked.clear();
  }

  private ask(id: string): void {
    this.asked.add(id);
    this.wanted.add(id);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.read();
    }, GATHER_MS);
  }

  private async read(): Promise<void> {
    const ids = [...this.wanted].slice(0, MOST_AT_ONCE);
    for (const id of ids) this.wanted.delete(id);
    if (ids.length === 0) return;
    try {
      const { users } = await http.users(ids);
      for (const user of users) this.know(user);
    } catch {
      // They are asked for again when somebody next looks at them.
      for (const id of ids) this.asked.delete(id);
    }
    if (this.wanted.size > 0) await this.read();
  }
}

export const people = new People();
