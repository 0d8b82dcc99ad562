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
  /** The heading that it stands under; one that the guild does not have stands for none. */
  category: string | null;
  position: number;
  slow_mode_seconds: number;
  is_announcement: boolean;
  /** There are members who do not see it. */
  is_private: boolean;
}

export interface Category {
  id: string;
  name: string;
  position: number;
}

/** A guild, and where it tells who came and went. */
export interface WelcomingGuild extends Guild {
  welcome_room: string | null;
}

/** What a guild says of itself, and what the asker may do in it. */
export interface GuildDetails extends WelcomingGuild {
  description: string;
  is_public: boolean;
  permissions: string[];
}

/** An exception in a channel, for a role or for one member. */
export interface Override {
  role?: string;
  user?: string;
  allow: string[];
  deny: string[];
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
  category?: string;
  position: number;
  slow_mode_seconds: number;
  is_announcement: boolean;
  overrides: Override[];
  owner?: string;
  /** Where a thread hangs. */
  parent?: string;
  parent_seq?: number;
}

export interface RoomWithRights extends RoomDetails {
  id: string;
  /** What the asker may do in it. */
  permissions: string[];
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
  nickname: string | null;
  /** Without the one that all members have. */
  roles: string[];
}

/** Somebody in a room. */
export interface RoomPresence extends Presence {
  looks: boolean;
  on: boolean;
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

/** How the instance is called; of two the one with the higher `rev` is newer. */
export interface InstanceName {
  name: string;
  rev: number;
}

export interface Ready {
  epoch: string;
  instance: InstanceName;
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

export interface Instance extends InstanceName {
  set_up: boolean;
  version: string;
  registration?: Registration;
}

export type Registration = 'open' | 'invite' | 'closed';

export interface Invite {
  id: string;
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

export interface AuditEntry {
  at: string;
  /** `null` for the server itself. */
  actor: string | null;
  kind: string;
  target: string | null;
  reason: string;
  details: Record<string, string>;
}

export interface AuditPage {
  entries: AuditEntry[];
  users: User[];
  next: string | null;
}

export interface ListedInvite {
  id: string;
  inviter: string;
  uses: number;
  uses_left: number | null;
  created_at: string;
  expires_at: string;
}

export interface Arrival {
  user: string;
  invite: string;
  inviter: string;
  at: string;
}

export interface ListedAccount {
  id: string;
  name: string;
  created_at: string;
  last_used: string | null;
  is_administrator: boolean;
  is_deactivated: boolean;
}

export interface OpenGuild {
  id: string;
  name: string;
  description: string;
  is_member: boolean;
}
