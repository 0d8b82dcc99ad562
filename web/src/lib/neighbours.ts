import type { Room } from './state/rooms.svelte';

/** The room before or after one in a list, round and round; with `unread` only one that has something new. */
export function neighbour(rooms: readonly Room[], current: string | undefined, step: 1 | -1, unread: boolean): Room | undefined {
  const start = rooms.findIndex((room) => room.id === current);
  for (let count = 1; count <= rooms.length; count += 1) {
    const from = start < 0 && step < 0 ? 0 : start;
    const at = (((from + step * count) % rooms.length) + rooms.length) % rooms.length;
    const room = rooms[at];
    if (room !== undefined && room.id !== current && (!unread || room.unread > 0)) return room;
  }
  return undefined;
}
