import { codeOf, isPassing, ApiError } from '../api/errors';
import type { Message } from '../api/types';
import type { Waiting } from '../timeline/rows';
import { ulid } from '../ulid';

const RETRY_MS = 2_000;

export interface OutboxOptions {
  post(item: Waiting): Promise<Message>;
  /** Called in the same breath in which the item leaves the outbox: never twice on the page, never missing. */
  posted(message: Message): void;
  /** Survives a reload, not the tab. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  later?: (run: () => void, ms: number) => void;
}

const KEY = 'madang.outbox';

/**
 * Messages on their way. Each keeps its nonce over retries, reconnects and reloads, so the server makes one message of
 * it however often it is sent. One at a time in a room: order is what people meant.
 */
export class Outbox {
  items = $state.raw<readonly Waiting[]>([]);
  private isOnline = false;
  private user = '';
  private inFlight = new Set<string>();

  constructor(private readonly options: OutboxOptions) {}

  /** Takes up what this user left here before a reload. Somebody else's is not sent under a new name. */
  restore(user: string): void {
    if (this.user === user) return;
    this.user = user;
    const stored = JSON.parse(this.options.storage.getItem(KEY) ?? 'null') as {
      user: string;
      items: Waiting[];
    } | null;
    if (stored?.user !== user) return;
    this.items = stored.items.map((item) =>
      item.status === 'sending' ? { ...item, status: 'waiting' } : item,
    );
  }

  /** In other data the numbers begin elsewhere: what was the newest before may be no message at all. */
  rebase(newest: (room: string) => number): void {
    if (this.items.length === 0) return;
    this.keep(this.items.map((item) => ({ ...item, after: Math.min(item.after, newest(item.room)) })));
  }

  in(room: string): Waiting[] {
    return this.items.filter((item) => item.room === room);
  }

  add(room: string, text: string, replyTo: number | null, after: number): void {
    const item: Waiting = {
      nonce: ulid(),
      room,
      text,
      reply_to: replyTo,
      at: new Date().toISOString(),
      status: 'waiting',
      tried: false,
      after,
    };
    this.keep([...this.items, item]);
    this.next(room);
  }

  retry(nonce: string): void {
    const old = this.items.find((item) => item.nonce === nonce);
    if (old === undefined) return;
    const isStale = old.code === 'nonce_expired' || old.code === 'nonce_conflict';
    this.change(nonce, { status: 'waiting', ...(isStale ? { nonce: ulid() } : {}) });
    this.next(old.room);
  }

  discard(nonce: string): void {
    this.keep(this.items.filter((item) => item.nonce !== nonce));
  }

  online(): void {
    this.isOnline = true;
    for (const room of new Set(this.items.map((item) => item.room))) this.next(room);
  }

  offline(): void {
    this.isOnline = false;
  }

  /** Lets go of the items here and keeps them in the storage. */
  pause(): void {
    this.isOnline = false;
    this.user = '';
    this.items = [];
  }

  forget(): void {
    this.isOnline = false;
    this.user = '';
    this.items = [];
    this.options.storage.removeItem(KEY);
  }

  private next(room: string): void {
    if (!this.isOnline || this.inFlight.has(room)) return;
    const item = this.items.find((one) => one.room === room && one.status === 'waiting');
    if (item === undefined) return;
    this.inFlight.add(room);
    this.change(item.nonce, { status: 'sending', tried: true });
    void this.send(item).finally(() => {
      this.inFlight.delete(room);
      this.next(room);
    });
  }

  private async send(item: Waiting): Promise<void> {
    try {
      const message = await this.options.post(item);
      this.settle(item, message);
    } catch (error) {
      await this.failed(item, error);
    }
  }

  private settle(item: Waiting, message: Message): void {
    const rest = this.items.filter((one) => one.nonce !== item.nonce);
    // The same words once more are another message: this one must not stand for them.
    this.keep(
      rest.map((one) =>
        one.room === item.room && one.after < message.seq ? { ...one, after: message.seq } : one,
      ),
    );
    this.options.posted(message);
  }

  private async failed(item: Waiting, error: unknown): Promise<void> {
    if (!isPassing(error)) {
      this.change(item.nonce, { status: 'refused', code: codeOf(error) });
      return;
    }
    this.change(item.nonce, { status: 'waiting' });
    if (codeOf(error) === 'offline') return;
    const ms = (error instanceof ApiError ? error.retryAfterMs : undefined) ?? RETRY_MS;
    const later = this.options.later ?? ((run, wait) => setTimeout(run, wait));
    await new Promise<void>((resolve) => {
      later(resolve, ms);
    });
  }

  private change(nonce: string, changes: Partial<Waiting>): void {
    this.keep(this.items.map((item) => (item.nonce === nonce ? { ...item, ...changes } : item)));
  }

  private keep(items: readonly Waiting[]): void {
    this.items = items;
    if (items.length === 0) this.options.storage.removeItem(KEY);
    else this.options.storage.setItem(KEY, JSON.stringify({ user: this.user, items }));
  }
}
