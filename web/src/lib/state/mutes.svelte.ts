import { SvelteMap } from 'svelte/reactivity';
import type { Notification } from '../api/types';
import { client } from './client.svelte';

/** A room, or a guild. */
export type Place = { room: string } | { guild: string };

const idOf = (place: Place): string => ('room' in place ? place.room : place.guild);

/** The rooms and guilds of which this user wants to hear nothing for a time, as far as it was asked. */
class Mutes {
  /** Counts changes, for whoever keeps what was chosen. */
  changes = 0;
  private readonly ends = new SvelteMap<string, number>();
  /** Whose they are: another one may sign in on the same page. */
  private owner = '';

  /** When it ends; undefined for what is not muted. */
  until(place: Place, now: number): number | undefined {
    // Asked for first, so that whoever asks learns of what comes later.
    const end = this.ends.get(idOf(place));
    return end === undefined || end <= now || this.owner !== client.me.id ? undefined : end;
  }

  /** Asks how it is: another session may have said something else. */
  async read(): Promise<void> {
    try {
      const { notifications } = await client.ask<{ notifications: Notification[] }>('notifications');
      this.begin();
      for (const one of notifications) this.take(one);
    } catch {
      // What was known before stays.
    }
  }

  /** For so many seconds; 0 ends it. */
  async set(place: Place, seconds: number): Promise<void> {
    const op = 'room' in place ? 'set_room_notifications' : 'set_guild_notifications';
    const said = await client.ask<Notification>(op, { ...place, muted_seconds: seconds });
    if (this.owner !== client.me.id) this.begin();
    this.take(said);
    this.changes += 1;
  }

  private begin(): void {
    this.owner = client.me.id;
    this.ends.clear();
  }

  private take({ room, guild, muted_until }: Notification): void {
    const id = room ?? guild ?? '';
    if (muted_until === null) this.ends.delete(id);
    else this.ends.set(id, Date.parse(muted_until));
  }
}

export const mutes = new Mutes();
