import type { InboxPage, Message } from '../api/types';
import { rooms } from './rooms.svelte';

/** A room that is not open tells that it has something new, and not whom that calls: the inbox does. */
const GATHER_MS = 2_000;
const NEWEST = 50;

/** Keeps the counts of what calls the reader right in rooms that are not open. At most one question at a time. */
export class Calls {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: <T>(op: string, args: object) => Promise<T>,
    /** Hears of what calls the reader and is unread, each time that it is read. */
    private readonly found: (message: Message) => void,
  ) {}

  want(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.read().catch(() => undefined);
    }, GATHER_MS);
  }

  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async read(): Promise<void> {
    const { entries } = await this.ask<InboxPage>('inbox', { limit: NEWEST });
    const counts = new Map<string, number>();
    for (const { message, is_read } of entries) {
      const known = rooms.get(message.room);
      const isUnread = !is_read && message.seq > (known?.marker.seq ?? 0);
      if (isUnread) this.found(message);
      counts.set(message.room, (counts.get(message.room) ?? 0) + (isUnread ? 1 : 0));
    }
    // What calls everybody is not in the inbox: a count never goes down by this, only by reading.
    for (const [room, count] of counts) rooms.called(room, Math.max(count, rooms.get(room)?.mentions ?? 0));
  }
}
