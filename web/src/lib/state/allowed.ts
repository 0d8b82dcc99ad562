import type { Permission } from '../rights';
import type { Row } from '../timeline/window';
import { client } from './client.svelte';
import { guilds } from './guilds.svelte';
import { rooms } from './rooms.svelte';

/** What the reader may do with a message. */
export interface Allowed {
  react: boolean;
  reply: boolean;
  thread: boolean;
  edit: boolean;
  pin: boolean;
  delete: boolean;
  /** Choosing several, to delete them at once. */
  select: boolean;
  /** Seeing what it said before it was edited. */
  revisions: boolean;
}

const NOTHING: Allowed = {
  react: false,
  reply: false,
  thread: false,
  edit: false,
  pin: false,
  delete: false,
  select: false,
  revisions: false,
};

/** Whether the reader may write in a room, as far as that is known. */
export function mayPost(room: string): boolean {
  const isRefused = guilds.mayIn(room, 'post') === false;
  const isOnlyHeard = rooms.get(room)?.is_announcement === true && guilds.mayIn(room, 'announce') === false;
  return !isRefused && !isOnlyHeard;
}

export function allowed(row: Row): Allowed {
  if (client.isShell || row.deleted !== null || row.system !== undefined) return NOTHING;
  const kind = rooms.get(row.room)?.kind;
  const isMine = row.author === client.me.id;
  // Nearly everybody may do these; while nobody knows, they stay where they are.
  const may = (permission: Permission) => guilds.mayIn(row.room, permission) ?? true;
  const isModerator = guilds.mayIn(row.room, 'manage_messages') ?? false;
  return {
    react: may('react'),
    reply: mayPost(row.room),
    // Nothing hangs on what hangs already.
    thread: kind !== 'thread' && may('threads'),
    edit: isMine,
    pin: kind !== 'thread' && (guilds.mayIn(row.room, 'pin') ?? kind !== 'channel'),
    delete: isMine || isModerator,
    select: isModerator,
    revisions: row.edited_at !== null && (isMine || isModerator),
  };
}
