/** What travels on the wire; docs/protocol.md is the contract. */

export interface User {
  id: string;
  name: string;
  display_name?: string;
  colour?: string;
}

export interface Marker {
  seq: number;
  n: number;
}

export interface Channel {
  id: string;
  name: string;
  topic: string;
  rev: number;
  seq: number;
  n: number;
  marker: Marker;
  unread: number;
  /** How many of the unread ones call the reader. */
  mentions: number;
  /** How long one waits between two posts. */
  slow_mode_seconds?: number;
  is_announcement?: boolean;
}

export interface Conversation {
  id: string;
  kind: 'dm' | 'group';
  name: string;
  users: string[];
  owner?: string;
  at: string;
  rev: number;
  seq: number;
  n: number;
  marker: Marker;
  unread: number;
  mentions: number;
}

/** What an event tells of a room itself. */
export interface RoomDetails {
  kind: 'channel' | 'dm' | 'group' | 'thread';
  guild?: string;
  name: string;
  topic: string;
  slow_mode_seconds?: number;
  is_announcement?: boolean;
  owner?: string;
  /** Where a thread hangs. */
  parent?: string;
  parent_seq?: number;
}

export interface Profile {
  id: string;
  name: string;
  display_name: string | null;
  bio: string;
  colour: string | null;
  version: number;
}

export interface Role {
  id: string;
  name: string;
  permissions: string[];
  position: number;
  colour: string | null;
  is_mentionable: boolean;
  built_in: 'administrator' | 'moderator' | 'member' | null;
}

export interface InboxEntry {
  called: 'mention' | 'reply';
  is_read: boolean;
  message: Message;
}

export interface InboxPage {
  entries: InboxEntry[];
  next: string | null;
}

export type Status = 'online' | 'idle' | 'do_not_disturb' | 'offline' | 'invisible' | 'unknown';

export interface Presence {
  user: string;
  status: Status;
  custom?: { text: string; emoji: string; expires_at: string | null } | null;
}

export interface Login {
  id: string;
  device: string;
  created_at: string;
  last_used: string;
  is_current: boolean;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string;
  last_used: string | null;
  /** Only in the answer that makes it. */
  token?: string;
}

export type Level = 'all' | 'mentions' | 'nothing' | 'default';

export interface Notification {
  room?: string;
  guild?: string;
  level: Level;
  muted_until: string | null;
}

export interface Member {
  user: User;
  joined_at: string;
}

export interface Guild {
  id: string;
  name: string;
  owner: string;
  rev: number;
}

export interface ListedGuild extends Guild {
  channels: Channel[];
  more_channels: boolean;
}

export interface Head {
  rev: number;
  seq: number;
  n: number;
}

export interface Reaction {
  emoji: string;
  count: number;
}

/** What the server itself tells by a message, which then has no text. */
export type System = { kind: 'joined' | 'left' } | { kind: 'pinned'; seq: number } | { kind: 'renamed'; name: string };

export interface Mentions {
  users: string[];
  roles: string[];
  everyone: boolean;
  here: boolean;
}

export interface Thread {
  id: string;
  parent: string;
  parent_seq: number;
  at: string;
  rev: number;
  seq: number;
  n: number;
  /** Only for those who follow it, and not in pages of messages. */
  unread?: number;
}

export interface Message {
  room: string;
  seq: number;
  rev: number;
  author: string;
  at: string;
  n: number;
  text: string;
  reply_to: number | null;
  edited_at: string | null;
  deleted: { at: string; by: string } | null;
  reactions: Reaction[];
  mentions?: Mentions;
  system?: System;
  pinned_at?: string;
  has_thread?: boolean;
  /** Only in answers to `history`. */
  thread?: Thread;
  /** Only in answers to `history`. */
  mine?: string[];
}

export interface Hello {
  epoch: string;
  heartbeat_ms: number;
  authenticate_within_ms: number;
  version: string;
}

export interface Ready {
  epoch: string;
  user: User;
  session: string;
  resumed: boolean;
  guilds: ListedGuild[];
  conversations: Conversation[];
  more_conversations: boolean;
}

export interface Resume {
  epoch: string;
  rooms: Record<string, number>;
  guilds: Record<string, number>;
}

export interface Page {
  head: Head;
  messages: Message[];
}

export interface Problem {
  code: string;
  message: string;
  field?: string;
}

export interface StreamEvent {
  stream: string;
  rev: number;
  at: string;
  kind: string;
  data: unknown;
}

export interface ReactionChange {
  seq: number;
  emoji: string;
  user: string;
  on: boolean;
  count: number;
}

export interface Signal {
  signal: string;
  data: unknown;
}

export interface Instance {
  name: string;
  set_up: boolean;
  version: string;
}

export interface Invite {
  code: string;
  url: string;
  uses_left: number | null;
  expires_at: string | null;
}

export interface InviteInfo {
  instance_name: string;
  guild_name: string;
  invited_by: string;
}
