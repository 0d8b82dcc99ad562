import { panelPath, roomPath, type Panel, type Route } from '../../router.svelte';
import type { Guild } from '../api/types';
import { guilds } from './guilds.svelte';
import { HOME } from './home';
import { rooms } from './rooms.svelte';

/** Where one was last, so that the next visit begins there. */
const GUILD = 'madang.guild';
const ROOM = 'madang.room.';
const RECENT = 'madang.recent';
const MOST_RECENT = 12;

/** The rooms where one was last, the latest first. */
export const recentRooms = (): string[] => JSON.parse(localStorage.getItem(RECENT) ?? '[]') as string[];

export function remember(guild: string, room: string): void {
  const others = recentRooms().filter((one) => one !== room);
  localStorage.setItem(RECENT, JSON.stringify([room, ...others].slice(0, MOST_RECENT)));
  localStorage.setItem(GUILD, guild);
  localStorage.setItem(ROOM + guild, room);
}

/** The address of a room, or of one of its messages. */
export function pathTo(room: string, seq?: number): string {
  const known = rooms.get(room);
  if (known?.kind !== 'thread') return roomPath(known?.guild, room, seq);
  // By itself a thread's room has no place; without its parent only its own address leads there.
  return known.parent === undefined || known.parent.room === ''
    ? roomPath(undefined, room, seq)
    : pathBeside(known.parent.room, { kind: 'thread', on: known.parent.seq, seq });
}

/** The address of what stands beside a room. */
export function pathBeside(room: string, panel: Panel): string {
  return roomPath(rooms.get(room)?.guild, room) + panelPath(panel);
}

/** The guild, or `HOME`, that an address is in: its room's, the one that it names, or else the last one. */
export function placeAt(route: Route): string | undefined {
  const named = route.page === 'room' ? (rooms.get(route.room)?.guild ?? route.guild) : undefined;
  const id = route.page === 'guild' ? route.guild : (named ?? localStorage.getItem(GUILD));
  if (id === HOME) return HOME;
  const guild = rooms.guilds.find((one) => one.id === id) ?? rooms.guilds[0];
  return guild?.id ?? (rooms.loaded ? HOME : undefined);
}

export function guildAt(route: Route): Guild | undefined {
  const place = placeAt(route);
  return rooms.guilds.find((guild) => guild.id === place);
}

/** The room of a guild where one was last, or its first one. */
export function lastRoom(guild: string): string | undefined {
  const last = rooms.get(localStorage.getItem(ROOM + guild) ?? '');
  if (last?.guild === guild) return last.id;
  return (guild === HOME ? rooms.conversations : guilds.inOrder(guild))[0]?.id;
}
