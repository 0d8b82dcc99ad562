import type { Category, GuildDetails, Member, RoomWithRights, StreamEvent } from '../api/types';
import type { Permission } from '../rights';
import { sections, type Section } from '../order';
import { client } from './client.svelte';
import { Kept } from './kept.svelte';
import { members } from './members.svelte';
import { rooms, type Room } from './rooms.svelte';

/** What is known of guilds beyond their names: what the asker may do in them, and how their lists are divided. */
class Guilds {
  readonly details = new Kept((guild) => client.ask<GuildDetails>('guild', { guild }));
  readonly categories = new Kept(async (guild) => (await client.ask<{ categories: Category[] }>('categories', { guild })).categories);
  /** Rooms with their exceptions, and what the asker may do in them. */
  readonly rooms = new Kept((room) => client.ask<RoomWithRights>('room', { room }));

  /** What a list of channels needs. */
  want(guild: string): void {
    this.details.want(guild);
    this.categories.want(guild);
  }

  may(guild: string, permission: Permission): boolean {
    return this.details.get(guild)?.permissions.includes(permission) ?? false;
  }

  /** Whether the reader may do something in a room; nothing while nobody knows. The server decides: this only keeps what is refused out of sight. */
  mayIn(room: string, permission: Permission): boolean | undefined {
    const held = this.rooms.get(room)?.permissions;
    return held === undefined ? undefined : held.includes('administrator') || held.includes(permission);
  }

  /** A guild's channels under its categories, as they are shown. */
  sections(guild: string): Section<Room, Category>[] {
    return sections(rooms.inGuild(guild), this.categories.get(guild) ?? []);
  }

  /** The same without the categories. */
  inOrder(guild: string): Room[] {
    return this.sections(guild).flatMap(({ channels }) => channels);
  }

  heard(guild: string, { kind, data }: StreamEvent): void {
    if (kind.startsWith('category.')) this.categories.changed(guild);
    if (kind === 'guild.changed') {
      // It may have another owner.
      this.details.changed(guild);
      this.rooms.renew();
    }
    const isOwn = kind === 'member.changed' && (data as { user: string }).user === client.me.id;
    if (kind.startsWith('role.') || isOwn) {
      this.details.changed(guild);
      // Which rights these give in which room, the server works out.
      this.rooms.renew();
    }
    members.heard(guild, kind, data as Partial<Member> & { user: string });
  }

  /** Something about a room itself has changed. */
  heardRoom(room: string): void {
    this.rooms.changed(room);
  }

  renew(): void {
    this.details.renew();
    this.categories.renew();
    this.rooms.renew();
    members.renew();
  }

  forget(): void {
    this.details.forget();
    this.categories.forget();
    this.rooms.forget();
    members.forget();
  }
}

export const guilds = new Guilds();
