import { SvelteMap } from 'svelte/reactivity';
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

  async set(room: string, on: boolean): Promise<void> {
    await client.ask('switch', { room, on });
    this.heard({ room, on });
  }

  forget(): void {
    this.isOff.clear();
  }
}

export const switches = new Switches();
