import { SvelteMap } from 'svelte/reactivity';
import { http } from '../api/http';
import type { Presence, Status } from '../api/types';

const MOST_AT_ONCE = 100;
/** A timer that is longer fires at once. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/** How people are seen. The server tells changes; how somebody is at first is asked once. */
class PresenceOf {
  private known = new SvelteMap<string, Presence>();
  private asked = new Set<string>();
  private wanted = new Set<string>();

  status(user: string): Status {
    return this.known.get(user)?.status ?? 'unknown';
  }

  /** What somebody says of themselves for a while, as one line. */
  words(user: string): string {
    const custom = this.known.get(user)?.custom;
    if (custom === undefined || custom === null) return '';
    const isOver = custom.expires_at !== null && Date.parse(custom.expires_at) < Date.now();
    return isOver ? '' : [custom.emoji, custom.text].filter(Boolean).join(' ');
  }

  heard(users: readonly Presence[]): void {
    for (const presence of users) {
      this.known.set(presence.user, presence);
      this.expire(presence);
    }
  }

  /** Somebody looks at this person closely: what was told before may be old. */
  ask(user: string): void {
    this.asked.delete(user);
    this.want(user);
  }

  custom(user: string): Presence['custom'] {
    return this.known.get(user)?.custom;
  }

  want(user: string): void {
    if (user === '' || this.asked.has(user)) return;
    this.asked.add(user);
    if (this.wanted.size === 0) queueMicrotask(() => void this.read());
    this.wanted.add(user);
  }

  /** After a break nobody knows what changed meanwhile. */
  renew(): void {
    const all = [...this.asked];
    this.asked.clear();
    for (const user of all) this.want(user);
  }

  forget(): void {
    this.known.clear();
    this.asked.clear();
    this.wanted.clear();
  }

  /** Nobody tells when words are not meant any more. */
  private expire(presence: Presence): void {
    const at = presence.custom?.expires_at;
    if (at === undefined || at === null) return;
    const ms = Date.parse(at) - Date.now();
    if (ms > MOST_TIMER_MS) return;
    setTimeout(() => {
      if (this.known.get(presence.user) === presence) this.known.set(presence.user, { ...presence, custom: null });
    }, Math.max(0, ms));
  }

  private async read(): Promise<void> {
    const ids = [...this.wanted];
    this.wanted.clear();
    for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
      const some = ids.slice(at, at + MOST_AT_ONCE);
      try {
        this.heard((await http.presence(some)).users);
      } catch {
        // They are asked for again when somebody next looks at them.
        for (const id of some) this.asked.delete(id);
      }
    }
  }
}

export const presence = new PresenceOf();
