import { codeOf } from '../api/errors';
import { http } from '../api/http';
import type { Thread } from '../api/types';
import { rooms } from './rooms.svelte';

/** After these, about a minute, there is no connection; the next one tells everything anew. */
const MOST_TRIES = 6;
const RETRY_MS = 1_000;

/** Reads a guild's channels to the end of the list, when it is known what is no longer in it; answers those rooms. */
export async function readChannels(guild: string): Promise<string[]> {
  const listed = new Set<string>();
  let last: string | undefined;
  for (;;) {
    const { channels, more } = await http.channels(guild, last);
    for (const channel of channels) {
      rooms.put(guild, channel);
      listed.add(channel.id);
    }
    last = channels.at(-1)?.id;
    if (!more || last === undefined) return rooms.retain(guild, listed);
  }
}

/** Reads all DMs and groups, beyond those that opened the connection. */
export async function readConversations(): Promise<void> {
  let last: string | undefined;
  for (;;) {
    const { conversations, more } = await http.conversations(last);
    for (const conversation of conversations) rooms.putConversation(conversation);
    last = conversations.at(-1)?.id;
    if (!more || last === undefined) return;
  }
}

/** Reads one that is new here. */
export async function readConversation(id: string): Promise<void> {
  rooms.putConversation(await http.conversation(id));
}

/** Takes a thread that somebody follows, and of which this page has not heard before. */
export async function putThread(asked: Promise<Thread>): Promise<void> {
  const thread = await asked;
  rooms.putThread(thread.parent, thread);
}

/** What a signal asked for is asked again until there is an answer: the signal does not come twice. */
export async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    try {
      await ask();
      return;
    } catch (error) {
      if (codeOf(error) === 'not_found') return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * 2 ** tries));
    }
  }
}
