import { SvelteMap } from 'svelte/reactivity';
import type { Channel, Guild, Head, ListedGuild, Marker } from '../api/types';

export interface Room extends Channel {
  guild: string;
}

/** The server counts no further; more is shown as more. */
export const MOST_UNREAD = 100;

/** A room with a newer head. What is unread grows by the difference of the counts, so no signal is counted twice. */
export function withHead(room: Room, head: Head): Room {
  if (head.rev <= room.rev && head.n <= room.n) return room;
  const n = Math.max(room.n, head.n);
  const unread = Math.min(MOST_UNREAD, room.unread + n - room.n);
  return { ...room, rev: Math.max(room.rev, head.rev), seq: Math.max(room.seq, head.seq), n, unread };
}

/** A room whose message was deleted: what nobody can read any more is not unread. */
export function withoutMessage(room: Room, seq: number): Room {
  const wasUnread = seq > room.marker.seq && room.unread > 0 && room.unread < MOST_UNREAD;
  return wasUnread ? { ...room, unread: room.unread - 1 } : room;
}

/** A room that is read up to a marker. Markers only go forward: an old answer must not bring unread back. */
export function withMarker(room: Room, marker: Marker, unread: number): Room {
  if (marker.seq < room.marker.seq) return room;
  return { ...room, marker, unread };
}

class Rooms {
  guilds = $state.raw<readonly Guild[]>([]);
  loaded = $state(false);
  private byId = new SvelteMap<string, Room>();

  get(id: string): Room | undefined {
    return this.byId.get(id);
  }

  inGuild(guild: string): Room[] {
    return [...this.byId.values()].filter((room) => room.guild === guild);
  }

  get unread(): number {
    return [...this.byId.values()].reduce((sum, room) => sum + room.unread, 0);
  }

  /** The snapshot that opens every connection. */
  take(guilds: readonly ListedGuild[]): void {
    this.guilds = guilds;
    const present = new Set(guilds.flatMap((guild) => guild.channels.map((channel) => channel.id)));
    for (const id of [...this.byId.keys()]) if (!present.has(id)) this.byId.delete(id);
    for (const guild of guilds) for (const channel of guild.channels) this.put(guild.id, channel);
    this.loaded = true;
  }

  put(guild: string, channel: Channel): void {
    const old = this.byId.get(channel.id);
    const fresh: Room = { ...channel, guild };
    if (old === undefined) {
      this.byId.set(channel.id, fresh);
      return;
    }
    // A head that events brought, or a marker on its way to the server, may be ahead of the snapshot.
    const marked = old.marker.seq > fresh.marker.seq ? withMarker(fresh, old.marker, old.unread) : fresh;
    this.byId.set(channel.id, withHead(marked, old));
  }

  head(id: string, head: Head): void {
    this.change(id, (room) => withHead(room, head));
  }

  deleted(id: string, seq: number): void {
    this.change(id, (room) => withoutMessage(room, seq));
  }

  mark(id: string, marker: Marker, unread: number): void {
    this.change(id, (room) => withMarker(room, marker, unread));
  }

  forget(): void {
    this.guilds = [];
    this.byId.clear();
    this.loaded = false;
  }

  private change(id: string, how: (room: Room) => Room): void {
    const old = this.byId.get(id);
    if (old === undefined) return;
    const next = how(old);
    if (next !== old) this.byId.set(id, next);
  }
}

export const rooms = new Rooms();
