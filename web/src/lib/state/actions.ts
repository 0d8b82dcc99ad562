import type { Conversation, Guild, InboxPage, Member, Message, Page, Profile, Thread, User } from '../api/types';
import { i18n } from '../i18n/i18n.svelte';
import { HOME } from './home';
import { client } from './client.svelte';
import { mustFit } from './fitting';
import { people } from './people.svelte';
import { rooms } from './rooms.svelte';

/** What people do to messages and to each other. Each asks the server once; whoever calls shows what went wrong. */

interface Answer {
  message: Message;
}

export async function edit(room: string, seq: number, text: string): Promise<void> {
  mustFit(text);
  const { message } = await client.ask<Answer>('edit', { room, seq, text });
  client.timeline(room)?.put(message);
}

export async function remove(room: string, seq: number): Promise<void> {
  const { message } = await client.ask<Answer>('delete', { room, seq });
  client.timeline(room)?.put(message);
}

/** How many messages the server deletes at once. */
export const MOST_DELETED = 100;

/** Deletes what others wrote, too. What is gone already is no mistake. */
export async function removeMany(room: string, seqs: readonly number[], reason: string): Promise<void> {
  await client.ask('delete_messages', { room, seqs, ...(reason === '' ? {} : { reason }) });
}

/** The first message that is not older than a moment; in an empty room there is none. */
export async function firstSince(room: string, at: Date): Promise<number | undefined> {
  const { messages } = await client.ask<Page>('history', { room, at: at.toISOString(), limit: 1 });
  return messages[0]?.seq;
}

/** What a message said before it was edited, the oldest first, and what it says now. */
export const revisions = async (room: string, seq: number) =>
  (await client.ask<{ revisions: { text: string; at: string }[] }>('revisions', { room, seq })).revisions;

export async function react(room: string, seq: number, emoji: string, on: boolean): Promise<void> {
  const { message } = await client.ask<Answer>('react', { room, seq, emoji, on });
  client.timeline(room)?.putReaction(message, emoji, on);
}

/** The DM with somebody, which begins with the first of the two who opens it. */
export async function openDm(user: string): Promise<string> {
  return kept(await client.ask<Conversation>('open_dm', { user }));
}

export async function makeGroup(users: readonly string[], name: string): Promise<string> {
  return kept(await client.ask<Conversation>('create_group', { users, ...(name === '' ? {} : { name }) }));
}

export async function renameGroup(room: string, name: string): Promise<void> {
  await client.ask('rename_group', { room, name });
  rooms.alter(room, { name });
}

export const addToGroup = (room: string, user: string) => client.ask<object>('add_to_group', { room, user });

export const removeFromGroup = (room: string, user: string) => client.ask<object>('remove_from_group', { room, user });

export const leaveGroup = (room: string) => client.ask<object>('leave_group', { room });

export const profile = (user: string) => client.ask<Profile>('profile', { user });

export const follow = (user: string, on: boolean) => client.ask<object>(on ? 'follow' : 'unfollow', { user });

export const block = (user: string, on: boolean) => client.ask<object>(on ? 'block' : 'unblock', { user });

interface PageOfMembers {
  members: Member[];
  more: boolean;
}

/** Everybody in a guild, up to so many: enough to choose from by name. */
export async function members(guild: string, most = 1_000): Promise<Member[]> {
  const all: Member[] = [];
  let more = true;
  while (more && all.length < most) {
    const after = all.at(-1)?.user.id;
    const page = await client.ask<PageOfMembers>('members', { guild, ...(after === undefined ? {} : { after }) });
    for (const { user } of page.members) people.know(user);
    all.push(...page.members);
    more = page.more && page.members.length > 0;
  }
  return all;
}

function kept(conversation: Conversation): string {
  rooms.putConversation(conversation);
  return conversation.id;
}

/** Everything in a guild, or in all conversations, counts as read. Only other sessions are told by signals. */
export async function markAllRead(guild?: string): Promise<void> {
  const read = rooms.inGuild(guild ?? HOME);
  await client.ask('mark_all_read', guild === undefined ? {} : { guild });
  for (const { id, seq, n } of read) rooms.read(id, { seq, n });
}

export const inbox = (after?: string) => client.ask<InboxPage>('inbox', after === undefined ? {} : { after });

export async function pin(room: string, seq: number, on: boolean): Promise<void> {
  const { message } = await client.ask<Answer>(on ? 'pin' : 'unpin', { room, seq });
  client.timeline(room)?.put(message);
}

export const pins = async (room: string) => (await client.ask<{ messages: Message[] }>('pins', { room })).messages;

/** Posts in the thread on a message, which begins with this; answers its room. */
export async function postInThread(room: string, seq: number, text: string, nonce: string): Promise<string> {
  mustFit(text);
  const { message } = await client.ask<Answer>('post_in_thread', { room, seq, text, nonce });
  return message.room;
}

/** A thread with what only its reader knows: whether it is followed, and what is unread in it. */
export async function readThread(parent: string, thread: string): Promise<void> {
  rooms.putThread(parent, await client.ask<Thread>('thread', { room: thread }));
}

/** So many of the threads that one follows are read; nobody looks at more. */
const MOST_FOLLOWED = 1_000;

export async function readFollowed(): Promise<void> {
  let after: string | null = null;
  for (let read = 0; read < MOST_FOLLOWED; ) {
    const args: object = { limit: 100, ...(after === null ? {} : { after }) };
    const page: { threads: Thread[]; next: string | null } = await client.ask('followed_threads', args);
    for (const thread of page.threads) rooms.putThread(thread.parent, thread);
    read += Math.max(1, page.threads.length);
    after = page.next;
    if (after === null) return;
  }
}

export async function followThread(thread: string, on: boolean): Promise<void> {
  await client.ask('follow_thread', { room: thread, on });
  rooms.follow(thread, on);
}

/** Whether somebody is among those whom one follows, or has blocked. Both lists are short: at most 1,000. */
export async function isListed(list: 'followed' | 'blocked', user: string): Promise<boolean> {
  let after: string | undefined;
  for (;;) {
    const args = { limit: 500, ...(after === undefined ? {} : { after }) };
    const { users, more } = await client.ask<{ users: User[]; more: boolean }>(list, args);
    if (users.some((one) => one.id === user)) return true;
    after = users.at(-1)?.id;
    if (!more || after === undefined) return false;
  }
}

/** One's own, or one that was joined: it is there at once, its channels follow by a signal. */
async function entered(guild: Promise<Guild>): Promise<string> {
  const found = await guild;
  rooms.join(found);
  return found.id;
}

export const makeGuild = (name: string) => entered(client.ask<Guild>('create_guild', { name, channel_name: i18n.t.firstChannel }));

export const joinGuild = (guild: string) => entered(client.ask<Guild>('join_guild', { guild }));

export async function leaveGuild(guild: string): Promise<void> {
  await client.ask('leave_guild', { guild });
  rooms.leave(guild);
}
