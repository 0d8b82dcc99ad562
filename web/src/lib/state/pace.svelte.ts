import { SvelteMap } from 'svelte/reactivity';
import { guilds } from './guilds.svelte';
import { rooms } from './rooms.svelte';

/** When one may post again in rooms that are slow. The server decides; this says it before somebody has typed in vain. */
class Pace {
  private last = new SvelteMap<string, number>();

  posted(room: string, at: number): void {
    this.last.set(room, Math.max(at, this.last.get(room) ?? 0));
  }

  /** From when on, if that is still to come. */
  until(room: string, now: number): number | undefined {
    const seconds = rooms.get(room)?.slow_mode_seconds ?? 0;
    const last = this.last.get(room);
    if (seconds === 0 || last === undefined || guilds.mayIn(room, 'skip_slow_mode') !== false) return undefined;
    const at = last + seconds * 1_000;
    return at > now ? at : undefined;
  }

  forget(): void {
    this.last.clear();
  }
}

export const pace = new Pace();
