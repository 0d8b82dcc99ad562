import { SvelteMap } from 'svelte/reactivity';
import type { Channel, Conversation, Guild, Head, ListedGuild, Marker, Thread } from '../api/types';
import { HOME } from './home';

export interface Room extends Channel {
  /** Its guild, or `HOME`. */
  guild: string;
  kind: 'channel' | 'dm' | 'group' | 'thread';
  /** Who is in a conversation. */
  users: readonly string[];
  owner?: string;
  /** When something happened in a conversation last. */
  at: string;
  /** The message that a thread hangs on. */
  parent?: { room: string; seq: number };
  /** Whether one is told what is new in a thread. */
  isFollowed?: boolean;
}

/** What only a guild's channels have. */
const OUTSIDE = { topic: '', category: null, position: 0, slow_mode_seconds: 0, is_announcement: false, is_private: false };

/** Threads are listed nowhere: they are in the rooms that they hang in. */
const THREADS = '@threads';

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
  return wasUnread ? fewer({ ...room, unread: room.unread - 1 }) : room;
}

/** A room that somebody has just read up to a marker: what is left is counted here until the server says it better. */
export function withRead(room: Room, marker: Marker): Room {
  if (marker.seq <= room.marker.seq) return room;
  return fewer({ ...room, marker, unread: Math.min(MOST_UNREAD, Math.max(0, room.n - marker.n)) });
}

/** A room that is read up to a marker. Markers go back only on purpose: an old answer must not bring unread back. */
export function withMarker(room: Room, marker: Marker, unread: number, back = false): Room {
  if (marker.seq < room.marker.seq && !back) return room;
  return fewer({ ...room, marker, unread });
}

/** A room of which nothing is known to be read: any marker is further. */
const withoutMarker = (room: Room): Room => ({ ...room, marker: { seq: 0, n: 0 } });

/** Nothing that was read calls anybody. */
function fewer(room: Room): Room {
  return room.mentions > room.unread ? { ...room, mentions: room.unread } : room;
}

/** A conversation as a room among others. */
export function asRoom(conversation: Conversation): Room {
  return { ...conversation, ...OUTSIDE, guild: HOME };
}

class Rooms {
  guilds = $state.raw<readonly Guild[]>([]);
  loaded = $state(false);
  private byId = new SvelteMap<string, Room>();

  get(id: string): Room | undefined {
    return this.byId.get(id);
  }

  /** DMs and groups, the one in which something happened last first. */
  get conversations(): Room[] {
    return this.inGuild(HOME).sort((a, b) => (a.at < b.at ? 1 : -1));
  }

  /** Those that are known. */
  get threads(): Room[] {
    return this.inGuild(THREADS);
  }

  inGuild(guild: string): Room[] {
    return [...this.byId.values()].filter((room) => room.guild === guild);
  }

  get unread(): number {
    return [...this.byId.values()].filter((room) => room.kind !== 'thread').reduce((sum, room) => sum + room.unread, 0);
  }

  unreadIn(guild: string): number {
    return this.inGuild(guild).reduce((sum, room) => sum + room.unread, 0);
  }

  /** What calls the reader: every word of a conversation does. */
  get calls(): number {
    return [...this.byId.values()].reduce((sum, room) => sum + callsOf(room), 0);
  }

  callsIn(guild: string): number {
    return this.inGuild(guild).reduce((sum, room) => sum + callsOf(room), 0);
  }

  /**
   * The snapshot that opens every connection. Its markers are the true ones, also those that were put back meanwhile,
   * except where something that was read here is still on its way. Answers the rooms that were put back.
   */
  take(
    guilds: readonly ListedGuild[],
    conversations: readonly Conversation[],
    moreConversations: boolean,
    isOnTheWay: (room: string) => boolean,
  ): Room[] {
    this.guilds = guilds;
    const channels = [...guilds.flatMap((guild) => guild.channels), ...conversations];
    const listed = new Set(channels.map((channel) => channel.id));
    const isPartly = new Map(guilds.map((guild) => [guild.id, guild.more_channels]));
    isPartly.set(HOME, moreConversations);
    isPartly.set(THREADS, true);
    for (const room of [...this.byId.values()]) {
      if (!listed.has(room.id) && isPartly.get(room.guild) !== true) this.byId.delete(room.id);
    }
    const isBack = ({ id, marker }: Channel | Conversation) => marker.seq < (this.get(id)?.marker.seq ?? 0) && !isOnTheWay(id);
    const back = channels.filter(isBack);
    for (const { id } of back) this.change(id, withoutMarker);
    for (const guild of guilds) for (const channel of guild.channels) this.put(guild.id, channel);
    for (const conversation of conversations) this.putConversation(conversation);
    this.loaded = true;
    return back.map(({ id }) => this.get(id)).filter((room) => room !== undefined);
  }

  /** A guild that one has just come into; its channels follow. */
  join(guild: Guild): void {
    if (!this.guilds.some((one) => one.id === guild.id)) this.guilds = [...this.guilds, guild];
  }

  /** One is no member any more. Answers the rooms that went with the guild. */
  leave(guild: string): string[] {
    this.guilds = this.guilds.filter((one) => one.id !== guild);
    return this.retain(guild, new Set());
  }

  /** A guild has these rooms and no others. Answers those that went. */
  retain(guild: string, listed: ReadonlySet<string>): string[] {
    const gone = this.inGuild(guild).filter((room) => !listed.has(room.id));
    for (const room of gone) this.byId.delete(room.id);
    return gone.map((room) => room.id);
  }

  drop(id: string): void {
    this.byId.delete(id);
  }

  put(guild: string, channel: Channel): void {
    this.keep({ ...channel, guild, kind: 'channel', users: [], at: '' });
  }

  putConversation(conversation: Conversation): void {
    this.keep(asRoom(conversation));
  }

  /** A thread, as its room's messages tell of it, or as it was asked for; only the latter says whether it is followed. */
  putThread(parent: string, thread: Thread): void {
    const { id, parent_seq, at, rev, seq, n, unread } = thread;
    const old = this.byId.get(id);
    if (old !== undefined && unread === undefined) {
      this.head(id, { rev, seq, n });
      if (at > old.at) this.alter(id, { at });
      return;
    }
    const left = unread ?? 0;
    this.byId.set(id, {
      id,
      ...OUTSIDE,
      name: '',
      guild: THREADS,
      kind: 'thread',
      users: [],
      at,
      rev,
      seq,
      n,
      marker: { seq: seq - left, n: n - left },
      unread: left,
      mentions: 0,
      parent: { room: parent, seq: parent_seq },
      isFollowed: unread !== undefined,
    });
  }

  follow(id: string, isFollowed: boolean): void {
    this.change(id, (room) => ({ ...room, isFollowed }));
  }

  /** Something about a room itself is different now. */
  alter(id: string, changes: Partial<Omit<Room, 'id' | 'guild' | 'kind'>>): void {
    this.change(id, (room) => ({ ...room, ...changes }));
  }

  /** How many unread messages of each room call the reader, as far as it is told. */
  called(id: string, mentions: number): void {
    this.change(id, (room) => fewer({ ...room, mentions }));
  }

  /** A new message calls the reader. */
  calledOnce(id: string, seq: number): void {
    this.change(id, (room) => (seq > room.marker.seq ? fewer({ ...room, mentions: room.mentions + 1 }) : room));
  }

  renameGuild(id: string, name: string, owner: string): void {
    this.guilds = this.guilds.map((guild) => (guild.id === id ? { ...guild, name, owner } : guild));
  }

  head(id: string, head: Head): void {
    this.change(id, (room) => withHead(room, head));
  }

  deleted(id: string, seq: number): void {
    this.change(id, (room) => withoutMessage(room, seq));
  }

  mark(id: string, marker: Marker, unread: number, back = false): void {
    this.change(id, (room) => withMarker(room, marker, unread, back));
  }

  read(id: string, marker: Marker): void {
    this.change(id, (room) => withRead(room, marker));
  }

  forget(): void {
    this.guilds = [];
    this.byId.clear();
    this.loaded = false;
  }

  private keep(fresh: Room): void {
    const old = this.byId.get(fresh.id);
    // A head that events brought, or a marker on its way to the server, may be ahead of the snapshot.
    this.byId.set(fresh.id, old === undefined ? fresh : withRead(withHead(fresh, old), old.marker));
  }

  private change(id: string, how: (room: Room) => Room): void {
    const old = this.byId.get(id);
    if (old === undefined) return;
    const next = how(old);
    if (next !== old) this.byId.set(id, next);
  }
}

/** In a conversation every unread message is meant for its few people. */
export function callsOf(room: Room): number {
  if (room.kind === 'thread') return 0;
  return room.kind === 'channel' ? room.mentions : room.unread;
}

export const rooms = new Rooms();
