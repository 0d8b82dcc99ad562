import type { RoomDetails } from '../api/types';
import type { Room } from './rooms.svelte';

/** What an event tells of a room, as the list of rooms has it. */
export function altered({ name, topic, category, position, slow_mode_seconds, is_announcement, owner }: RoomDetails): Partial<Room> {
  return { name, topic, category: category ?? null, position, slow_mode_seconds, is_announcement, ...(owner === undefined ? {} : { owner }) };
}

/** Who is in a group after somebody came or went. */
export function changed(users: readonly string[], user: string, on: boolean): string[] {
  const others = users.filter((one) => one !== user);
  return on ? [...others, user] : others;
}
