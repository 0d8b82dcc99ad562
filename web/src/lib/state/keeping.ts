import type { Conversation, Instance, ListedGuild, User } from '../api/types';
import { Shelf } from '../shelf';
import type { Row, Window } from '../timeline/window';
import { client } from './client.svelte';
import { HOME } from './home';
import { people } from './people.svelte';
import { rooms, type Room } from './rooms.svelte';

/** The rooms that were looked at last, and the newest of their messages. */
const MOST_ROOMS = 30;
const MOST_ROWS = 60;
const EVERY_MS = 15_000;
const SHELL = 'shell';
const ROOM = 'room ';

/** Everything that a page shows before it has a connection. */
export interface Shell {
  instance: Instance;
  user: User;
  isOwner: boolean;
  epoch: string;
  guilds: ListedGuild[];
  conversations: Conversation[];
  people: User[];
}

export interface KeptRoom {
  room: string;
  rev: number;
  window: Window;
  /** Of which data; not known of what was kept before this was. */
  epoch?: string;
}

/** Keeps a little of what was read in this browser, to be read again without a connection; until one signs out. */
class Keeping {
  private readonly shelf = new Shelf();
  /** What of each room was kept last: the same rows need no second time. */
  private readonly kept = new Map<string, readonly Row[]>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private about: Pick<Shell, 'instance' | 'isOwner'> | undefined;

  start(instance: Instance, isOwner: boolean): void {
    this.about = { instance, isOwner };
    if (this.timer !== undefined) return;
    this.timer = setInterval(this.save, EVERY_MS);
    addEventListener('visibilitychange', this.save);
    addEventListener('pagehide', this.save);
  }

  /** Now, because the page may go for good. Where nothing can be kept the page works all the same. */
  readonly save = (): void => {
    this.write().catch(() => undefined);
  };

  async read(): Promise<Shell | undefined> {
    return (await this.shelf.get(SHELL).catch(() => undefined)) as Shell | undefined;
  }

  async room(id: string): Promise<KeptRoom | undefined> {
    return (await this.shelf.get(ROOM + id).catch(() => undefined)) as KeptRoom | undefined;
  }

  /** The next user of this browser must not read it. */
  async forget(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    removeEventListener('visibilitychange', this.save);
    removeEventListener('pagehide', this.save);
    this.about = undefined;
    this.kept.clear();
    await this.shelf.clear().catch(() => undefined);
  }

  private async write(): Promise<void> {
    if (this.about === undefined || !client.wasReady) return;
    const seen = client.seenRooms.slice(-MOST_ROOMS);
    const changed = seen.filter(({ room, window }) => window.reachesEnd && this.kept.get(room) !== window.rows);
    const entries = new Map<string, unknown>([[SHELL, this.shell(this.about)]]);
    for (const { room, rev, window } of changed) {
      entries.set(ROOM + room, { room, rev, window: newestOf(window), epoch: client.epoch } satisfies KeptRoom);
      this.kept.set(room, window.rows);
    }
    await this.shelf.put(entries);
    if (this.kept.size <= MOST_ROOMS) return;
    const keys = [...this.kept.keys()].slice(-MOST_ROOMS);
    await this.shelf.retain(ROOM, new Set(keys.map((room) => ROOM + room)));
    for (const room of this.kept.keys()) if (!keys.includes(room)) this.kept.delete(room);
  }

  private shell(about: Pick<Shell, 'instance' | 'isOwner'>): Shell {
    return {
      ...about,
      user: client.me,
      epoch: client.epoch,
      guilds: rooms.guilds.map((guild) => ({ ...guild, channels: rooms.inGuild(guild.id), more_channels: false })),
      conversations: rooms.inGuild(HOME).map((room) => ({ ...room, users: [...room.users], kind: kindOf(room) })),
      people: people.all,
    };
  }
}

const kindOf = (room: Room): Conversation['kind'] => (room.kind === 'group' ? 'group' : 'dm');

/** The newest messages of a window that reaches the room's end. */
function newestOf({ rows, reachesStart }: Window): Window {
  const newest = rows.slice(-MOST_ROWS);
  return { rows: newest, reachesStart: reachesStart && newest.length === rows.length, reachesEnd: true, ahead: [] };
}

export const keeping = new Keeping();
