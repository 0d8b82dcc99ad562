import { codeOf } from '../api/errors';
import { http } from '../api/http';
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
