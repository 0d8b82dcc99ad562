import { SvelteMap } from 'svelte/reactivity';

const FORGET_MS = 5_000;
const SAY_EVERY_MS = 3_000;

/** Who types where. Signals may be lost, so every one is forgotten by itself. */
class Typing {
  private timers = new SvelteMap<string, ReturnType<typeof setTimeout>>();
  private saidAt = 0;
  private telling: ReturnType<typeof setTimeout> | undefined;

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

  /** Tells the others that one is typing, now or as soon as they may be told again. */
  tell(say: () => void): void {
    if (this.telling !== undefined) return;
    const wait = Math.max(0, this.saidAt + SAY_EVERY_MS - Date.now());
    this.telling = setTimeout(() => {
      this.telling = undefined;
      this.saidAt = Date.now();
      say();
    }, wait);
  }

  /** What was typed is sent or gone: there is nothing left to tell. */
  stop(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
  }
}

export const typing = new Typing();
