import { SvelteMap } from 'svelte/reactivity';

const FORGET_MS = 5_000;
const SAY_EVERY_MS = 3_000;

/** Who types where. Signals may be lost, so every one is forgotten by itself. */
class Typing {
  private timers = new SvelteMap<string, ReturnType<typeof setTimeout>>();
  private saidAt = 0;

  in(room: string): string[] {
    const start = `${room} `;
    return [...this.timers.keys()].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  heard(room: string, user: string): void {
    const key = `${room} ${user}`;
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => this.timers.delete(key), FORGET_MS),
    );
  }

  /** Whoever's message is there does not type it any more. */
  done(room: string, user: string): void {
    const key = `${room} ${user}`;
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }

  /** Whether it is time to tell the others again that one is typing. */
  mayTell(now: number = Date.now()): boolean {
    if (now - this.saidAt < SAY_EVERY_MS) return false;
    this.saidAt = now;
    return true;
  }
}

export const typing = new Typing();
