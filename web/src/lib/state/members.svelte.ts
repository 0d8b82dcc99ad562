import { SvelteMap } from 'svelte/reactivity';
import type { Member } from '../api/types';
import { client } from './client.svelte';
import { people } from './people.svelte';

/** As many as the server gives at once. */
const PAGE = 500;
/** Beyond these nobody scrolls: they are found by name on the server's side only when somebody asks for more. */
const MOST = 10_000;

interface PageOfMembers {
  members: Listed[];
  more: boolean;
}

/** An event of somebody who came says no more than who. */
type Listed = Pick<Member, 'user'> & Partial<Member>;

export interface Membership {
  all: ReadonlyMap<string, Member>;
  status: 'loading' | 'ready' | 'failed';
  /** There are more than are kept. */
  isPart: boolean;
}

const EMPTY: Membership = { all: new Map(), status: 'loading', isPart: false };

/** Who is in a guild, page by page from when somebody first wants it; what changes then is told by events. */
class Members {
  private known = new SvelteMap<string, Membership>();
  private reading = new Map<string, symbol>();

  of(guild: string): Membership {
    return this.known.get(guild) ?? EMPTY;
  }

  get(guild: string, user: string): Member | undefined {
    return this.known.get(guild)?.all.get(user);
  }

  want(guild: string): void {
    if (!this.known.has(guild)) void this.read(guild);
  }

  async read(guild: string): Promise<void> {
    const mine = Symbol(guild);
    this.reading.set(guild, mine);
    const old = this.of(guild);
    this.known.set(guild, { ...old, status: old.all.size === 0 ? 'loading' : old.status });
    const all = new Map<string, Member>();
    try {
      for (let more = true; more && all.size < MOST; ) {
        const after = [...all.keys()].at(-1);
        const page = await client.ask<PageOfMembers>('members', { guild, limit: PAGE, ...(after === undefined ? {} : { after }) });
        if (this.reading.get(guild) !== mine) return;
        for (const member of page.members) all.set(member.user.id, whole(member));
        people.knowAll(page.members.map(({ user }) => user));
        more = page.more && page.members.length > 0;
        // What is there is shown at once; an older list stays until the new one is whole.
        if (old.all.size === 0 || !more) this.known.set(guild, { all: new Map(all), status: more ? 'loading' : 'ready', isPart: more && all.size >= MOST });
      }
    } catch {
      if (this.reading.get(guild) === mine) this.known.set(guild, { ...this.of(guild), status: 'failed' });
    }
  }

  heard(guild: string, kind: string, data: Partial<Member> & { user: unknown }): void {
    const user = String(data.user);
    const now = this.known.get(guild);
    if (now === undefined || !kind.startsWith('member.')) return;
    if (now.status === 'loading') {
      // The page that has this person may be on its way: it is read once more.
      void this.read(guild);
      return;
    }
    const all = new Map(now.all);
    if (kind === 'member.left' || kind === 'member.banned') all.delete(user);
    else all.set(user, whole({ ...all.get(user), ...data, user: people.get(user) ?? { id: user, name: '' } }));
    this.known.set(guild, { ...now, all });
    if (kind !== 'member.left') people.want(user);
  }

  renew(): void {
    for (const guild of this.known.keys()) void this.read(guild);
  }

  forget(): void {
    this.known.clear();
    this.reading.clear();
  }
}

function whole(member: Listed): Member {
  return { ...member, joined_at: member.joined_at ?? '', roles: member.roles ?? [], nickname: member.nickname ?? null };
}

export const members = new Members();
