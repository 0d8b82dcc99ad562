import { SvelteMap } from 'svelte/reactivity';
import type { RoomPresence } from '../api/types';
import { client } from './client.svelte';

/** The rooms in which this user has switched itself off, as far as it was told. */
class Switches {
  private isOff = new SvelteMap<string, boolean>();

  off(room: string): boolean {
    return this.isOff.get(room) ?? false;
  }

  heard({ room, on }: { room: string; on: boolean }): void {
    this.isOff.set(room, !on);
  }

  /** Asks how it is; whoever looks at a room is told of themselves as well. */
  async read(room: string): Promise<void> {
    try {
      const { users } = await client.ask<{ users: RoomPresence[] }>('room_presence', { room });
      const own = users.find(({ user }) => user === client.me.id);
      if (own !== undefined) this.heard({ room, on: own.on });
    } catch {
      // What was known before stays; a post that is refused says it as well.
    }
  }

  async set(room: string, on: boolean): Promise<void> {
    await client.ask('switch', { room, on });
    this.heard({ room, on });
  }

  forget(): void {
    this.isOff.clear();
  }
}

export const switches = new Switches();
