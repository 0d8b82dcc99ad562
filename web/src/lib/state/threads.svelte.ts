import { SvelteMap } from 'svelte/reactivity';
import type { Message, Page, RoomDetails } from '../api/types';
import * as actions from './actions';
import { client } from './client.svelte';
import { people } from './people.svelte';
import { rooms } from './rooms.svelte';

/** Where threads hang that were never on the screen: what is told of them says only which room they are. */
class Threads {
  private parents = new SvelteMap<string, Message>();
  private asked = new Set<string>();

  /** The message that a thread hangs on, once it is known. */
  parent(thread: string): Message | undefined {
    return this.parents.get(thread);
  }

  /** Asks for a thread's parent; a room that is no thread needs none. */
  want(room: string): void {
    const kind = rooms.get(room)?.kind;
    if (this.asked.has(room) || (kind !== undefined && kind !== 'thread')) return;
    this.asked.add(room);
    this.read(room).catch(() => this.asked.delete(room));
  }

  forget(): void {
    this.parents.clear();
    this.asked.clear();
  }

  private async read(thread: string): Promise<void> {
    const { room: parent, seq } = rooms.get(thread)?.parent ?? (await this.find(thread)) ?? {};
    if (parent === undefined || seq === undefined) return;
    const { messages } = await client.ask<Page>('history', { room: parent, around: seq, limit: 1 });
    const found = messages.find((message) => message.seq === seq);
    if (found === undefined) return;
    people.want(found.author);
    this.parents.set(thread, found);
  }

  /** Where a thread hangs of which nothing is known. */
  private async find(thread: string): Promise<{ room: string; seq: number } | undefined> {
    const { parent, parent_seq: seq } = await client.ask<RoomDetails>('room', { room: thread });
    if (parent === undefined || seq === undefined) return undefined;
    await actions.readThread(parent, thread);
    return { room: parent, seq };
  }
}

export const threads = new Threads();
