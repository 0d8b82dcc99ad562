import { list } from '../i18n/format';
import { i18n } from '../i18n/i18n.svelte';
import { client } from './client.svelte';
import { people } from './people.svelte';
import { rooms, type Room } from './rooms.svelte';

/** The others in a conversation; with oneself, oneself. */
export function othersIn(room: Room): readonly string[] {
  const others = room.users.filter((user) => user !== client.me.id);
  return others.length === 0 ? room.users : others;
}

/** What a room is called: a channel by its name, a conversation also by its people. */
export function titleOf(room: Room): string {
  if (room.kind === 'thread') return i18n.t.thread;
  if (room.kind === 'channel' || room.name !== '') return room.name;
  const others = othersIn(room);
  if (room.kind === 'group' && room.users.length <= 1) return i18n.t.emptyGroup;
  return list(i18n.locale, others.map((user) => people.name(user) ?? i18n.t.unknownUser));
}

/** Where something was said, in words. */
export function placeOf(id: string): string {
  const room = rooms.get(id);
  if (room?.kind !== 'thread') return room === undefined ? i18n.t.thread : nameOf(room);
  const parent = rooms.get(room.parent?.room ?? '');
  return parent === undefined ? i18n.t.thread : i18n.t.threadIn(nameOf(parent));
}

const nameOf = (room: Room) => (room.kind === 'channel' ? `#${room.name}` : titleOf(room));
