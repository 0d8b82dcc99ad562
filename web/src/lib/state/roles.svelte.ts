import { SvelteMap } from 'svelte/reactivity';
import type { Role } from '../api/types';
import { client } from './client.svelte';

/** The roles of guilds, read when somebody first wants one. */
class Roles {
  private byGuild = new SvelteMap<string, readonly Role[]>();
  private asked = new Set<string>();

  in(guild: string): readonly Role[] {
    return this.byGuild.get(guild) ?? [];
  }

  /** A role of any guild. */
  get(id: string): Role | undefined {
    for (const all of this.byGuild.values()) {
      const found = all.find((role) => role.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  want(guild: string): void {
    if (this.asked.has(guild)) return;
    this.asked.add(guild);
    this.read(guild).catch(() => this.asked.delete(guild));
  }

  async read(guild: string): Promise<void> {
    const { roles } = await client.ask<{ roles: Role[] }>('roles', { guild });
    this.byGuild.set(guild, roles);
    this.asked.add(guild);
  }

  /** Something about a guild's roles has changed; nobody needs to know before somebody wants them. */
  changed(guild: string): void {
    if (!this.asked.has(guild)) return;
    this.asked.delete(guild);
    this.want(guild);
  }

  forget(): void {
    this.byGuild.clear();
    this.asked.clear();
  }
}

export const roles = new Roles();
