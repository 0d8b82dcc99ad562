import { SvelteMap } from 'svelte/reactivity';
import { client } from './client.svelte';

/** What the reader may do in rooms, as the server answers it. It decides; this only keeps what is refused out of sight. */
class Permissions {
  private byRoom = new SvelteMap<string, ReadonlySet<string>>();
  private asked = new Set<string>();

  /** Whether something is allowed in a room; nothing while nobody knows. */
  has(room: string, permission: string): boolean | undefined {
    const held = this.byRoom.get(room);
    return held === undefined ? undefined : held.has('administrator') || held.has(permission);
  }

  want(room: string): void {
    if (this.asked.has(room)) return;
    this.asked.add(room);
    // What was known stays until there is an answer.
    client.ask<{ permissions: string[] }>('room', { room }).then(
      ({ permissions }) => this.byRoom.set(room, new Set(permissions)),
      () => this.asked.delete(room),
    );
  }

  /** Roles or exceptions have changed, in one room or anywhere: what somebody looked at is asked anew. */
  changed(room?: string): void {
    const known = room === undefined ? [...this.byRoom.keys()] : [room];
    for (const one of known.filter((id) => this.asked.delete(id))) this.want(one);
  }

  forget(): void {
    this.byRoom.clear();
    this.asked.clear();
  }
}

export const permissions = new Permissions();
