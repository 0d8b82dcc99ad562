import { SvelteMap } from 'svelte/reactivity';
import { codeOf } from '../api/errors';
import type { Message, Page, StreamEvent } from '../api/types';
import * as win from '../timeline/window';
import type { Place, Row, Window } from '../timeline/window';

const PAGE = 50;

type Request = <T>(op: string, args: object) => Promise<T>;
type Side = 'idle' | 'loading' | 'failed';

/** One room's messages: a window of them, and how to move it. */
export class Timeline {
  window = $state.raw<Window>(win.EMPTY);
  status = $state<'idle' | 'loading' | 'ready' | 'failed' | 'gone'>('idle');
  older = $state<Side>('idle');
  newer = $state<Side>('idle');
  /** Everything after this was new when one came here. */
  newAfter = $state<number | undefined>(undefined);
  /** Messages that replies point to and that are not in the window. */
  parents = new SvelteMap<number, Row | 'loading' | 'unknown'>();
  /** Whether one reads at the end, where the window follows what is posted. */
  isPinned = true;
  /** Whether the server pushes this room's events. */
  isOpen = false;
  /** How far the room's events were seen: what a resume starts from. */
  rev = 0;
  /** Counts reads that replace the window; the answer to an overtaken one is dropped. */
  private reading = 0;
  /** What arrived while a page was read: the page may have been read before it. */
  private early: StreamEvent[] = [];

  constructor(
    readonly room: string,
    private readonly request: Request,
    private readonly me: () => string,
  ) {}

  apply(event: StreamEvent): void {
    this.rev = Math.max(this.rev, event.rev);
    if (this.isReading) this.early.push(event);
    this.take(win.apply(this.window, event, this.me()));
    if (event.kind.startsWith('message.')) this.renewParent(event.data as Message);
  }

  /** A record from an answer, which is as good as its event. */
  put(message: Message): void {
    this.take(win.withMessage(this.window, message));
    this.renewParent(message);
  }

  putReaction(message: Message, emoji: string, on: boolean): void {
    this.take(win.withMine(this.window, message, emoji, on));
  }

  async readNewest(): Promise<void> {
    await this.replace('newest', {});
  }

  async readAround(seq: number): Promise<void> {
    await this.replace('around', { around: seq });
  }

  async readOlder(): Promise<void> {
    const first = this.window.rows[0]?.seq;
    if (first === undefined || this.window.reachesStart || this.older === 'loading') return;
    this.older = 'loading';
    this.older = await this.extend('before', { before: first });
  }

  async readNewer(): Promise<void> {
    const last = this.window.rows.at(-1)?.seq;
    if (last === undefined || this.window.reachesEnd || this.newer === 'loading') return;
    this.newer = 'loading';
    this.newer = await this.extend('after', { after: last });
  }

  has(seq: number): boolean {
    return this.window.rows.some((row) => row.seq === seq);
  }

  row(seq: number): Row | undefined {
    return this.window.rows.find((row) => row.seq === seq);
  }

  /** Asks for a message that a reply points to. */
  async wantParent(seq: number): Promise<void> {
    if (this.has(seq) || this.parents.has(seq)) return;
    this.parents.set(seq, 'loading');
    try {
      const page = await this.history({ around: seq, limit: 1 });
      const found = page.messages.find((message) => message.seq === seq);
      this.parents.set(seq, found === undefined ? 'unknown' : win.toRow(found));
    } catch {
      this.parents.delete(seq);
    }
  }

  private get isReading(): boolean {
    return this.status === 'loading' || this.older === 'loading' || this.newer === 'loading' || this.isRefreshing;
  }

  private isRefreshing = false;

  private history(args: object): Promise<Page> {
    return this.request<Page>('history', { room: this.room, limit: PAGE, ...args });
  }

  private async replace(place: Place, args: object): Promise<void> {
    this.reading += 1;
    const mine = this.reading;
    if (this.window.rows.length === 0) this.status = 'loading';
    this.isRefreshing = true;
    try {
      const page = await this.history(args);
      if (mine !== this.reading) return;
      this.isPinned = place === 'newest';
      this.merge(page, place);
      this.status = 'ready';
      this.older = 'idle';
      this.newer = 'idle';
    } catch (error) {
      if (mine !== this.reading) return;
      if (codeOf(error) === 'not_found') this.status = 'gone';
      else if (this.window.rows.length === 0) this.status = 'failed';
    } finally {
      if (mine === this.reading) {
        this.isRefreshing = false;
        if (!this.isReading) this.early = [];
      }
    }
  }

  private async extend(place: 'before' | 'after', args: object): Promise<Side> {
    const during = this.reading;
    try {
      const page = await this.history(args);
      if (during !== this.reading) return 'idle';
      this.merge(page, place);
      return 'idle';
    } catch {
      return during === this.reading ? 'failed' : 'idle';
    }
  }

  private merge(page: Page, place: Place): void {
    const info = { place, limit: PAGE, headSeq: page.head.seq };
    let next = win.withPage(this.window, page.messages, info);
    for (const event of this.early) next = win.apply(next, event, this.me());
    this.window = win.trimmed(next, place === 'before' ? 'start' : 'end');
  }

  private take(next: Window): void {
    this.window = win.trimmed(next, this.isPinned ? 'end' : 'start');
  }

  private renewParent(message: Message): void {
    const known = this.parents.get(message.seq);
    if (typeof known === 'object' && message.rev > known.rev) {
      this.parents.set(message.seq, win.toRow(message));
    }
  }
}
