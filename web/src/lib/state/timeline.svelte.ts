import { SvelteMap } from 'svelte/reactivity';
import { codeOf } from '../api/errors';
import type { Message, Page, StreamEvent } from '../api/types';
import type { KeptRoom } from './keeping';
import type { View } from '../timeline/scroll';
import * as win from '../timeline/window';
import type { Place, Row, Window } from '../timeline/window';

const PAGE = 50;
/** For reading anew around a place that somebody looks at: enough that everything in sight is in it. */
const WIDE_PAGE = 100;

type Request = <T>(op: string, args: object) => Promise<T>;
/** What is asked of `history`, beside the room. */
interface Ask {
  limit: number;
  before?: number;
  after?: number;
  around?: number;
}
type Side = 'idle' | 'loading' | 'failed';

/** Where a visit of the room begins. */
export interface Arrival {
  /** The message to show; without one, the present. */
  at: number | undefined;
  /** It was asked for by its number, as opposed to being the first new one. */
  isTarget: boolean;
  /** It is shown which one it is. */
  isMarked: boolean;
}

/** One room's messages: a window of them, and how to move it. */
export class Timeline {
  window = $state.raw<Window>(win.EMPTY);
  status = $state<'idle' | 'loading' | 'ready' | 'failed' | 'gone'>('idle');
  older = $state<Side>('idle');
  newer = $state<Side>('idle');
  /** Everything after this was new when one came here. */
  newAfter = $state<number | undefined>(undefined);
  /** Set once what a visit begins with is there. */
  arrival = $state.raw<Arrival | undefined>(undefined);
  /** Messages that replies point to and that are not in the window. */
  parents = new SvelteMap<number, Row | 'loading' | 'unknown'>();
  /** The message that this visit is for, if it is named. */
  goal: number | undefined;
  /** Whether somebody named it, as opposed to coming back to it. */
  isNamed = true;
  /** Whether one reads at the end, or is on the way there. There the window follows what is posted. */
  isPinned = true;
  /** What is in sight. */
  view: View | undefined;
  /** Its reader made something unread here, and it stays so until the next visit. */
  isHeld = false;
  /** What is here was kept by this browser; nobody has said yet what came after it. */
  isKept = $state(false);
  /** There is no connection, and this browser has kept nothing of this room. */
  isMissing = $state(false);
  /** Counts what asked to open this room; an overtaken one leads nowhere. */
  visit = 0;
  /** Whether the server pushes this room's events. */
  isOpen = false;
  /** How far the room's events were seen: what a resume starts from. */
  rev = 0;
  /** Counts reads that replace the window; the answer to an overtaken one is dropped. */
  private reading = 0;
  private isReplacing = false;
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
    if (event.kind.startsWith('message.') || event.kind === 'thread.started') this.renewParent(event.data as Message);
  }

  /** A record from an answer, which is as good as its event. */
  put(message: Message): void {
    this.take(win.withAnswer(this.window, message));
    this.renewParent(message);
  }

  putReaction(message: Message, emoji: string, on: boolean): void {
    this.take(win.withMine(this.window, message, emoji, on));
  }

  /** Events were left out: what comes from now on does not follow what is here. */
  detach(rev: number): void {
    this.rev = Math.max(this.rev, rev);
    this.early = [];
    this.window = win.detached(this.window);
  }

  /** What is here is no longer true, and nobody looks at it. */
  empty(): void {
    this.window = win.EMPTY;
    this.status = 'idle';
  }

  /** Nobody here may see any of this any more. */
  vanish(): void {
    this.reading += 1;
    this.empty();
    this.early = [];
    this.rev = 0;
    this.isOpen = false;
    this.status = 'gone';
  }

  /** What this browser had kept. Its events go on from there once there is a connection. */
  restore({ window, rev }: KeptRoom): void {
    this.window = window;
    this.rev = rev;
    this.status = 'ready';
    this.isKept = true;
  }

  /** The visit's place is there, or as near to it as can be. */
  arrive(firstNew: number | undefined): void {
    this.arrival = { at: this.goal ?? firstNew, isTarget: this.goal !== undefined, isMarked: this.goal !== undefined && this.isNamed };
  }

  leave(): void {
    this.arrival = undefined;
    this.goal = undefined;
    this.view = undefined;
  }

  async readNewest(): Promise<void> {
    this.isPinned = true;
    await this.replace('newest', { limit: PAGE });
  }

  async readAround(seq: number): Promise<void> {
    this.isPinned = false;
    await this.replace('around', { around: seq, limit: PAGE });
  }

  /** Reads everything in sight anew, so that nothing moves. */
  async readHere(seq: number): Promise<void> {
    await this.replace('around', { around: seq, limit: WIDE_PAGE });
  }

  async readOlder(): Promise<void> {
    const first = this.window.rows[0]?.seq;
    if (first === undefined || this.window.reachesStart || this.older === 'loading') return;
    this.older = 'loading';
    this.older = await this.extend('before', { before: first, limit: PAGE });
    this.forgetEarly();
  }

  async readNewer(): Promise<void> {
    const last = this.window.rows.at(-1)?.seq;
    if (last === undefined || this.window.reachesEnd || this.newer === 'loading') return;
    this.newer = 'loading';
    this.newer = await this.extend('after', { after: last, limit: PAGE });
    this.forgetEarly();
  }

  /** Whether a message is in sight. */
  sees(seq: number): boolean {
    if (this.view === undefined) return false;
    return seq >= this.view.first && seq <= (this.view.last ?? this.view.first);
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

  /** Reads one message anew: an event does not carry everything that its record has. */
  async renew(seq: number): Promise<Message | undefined> {
    const page = await this.history({ around: seq, limit: 1 });
    const found = page.messages.find((message) => message.seq === seq);
    if (found === undefined) return undefined;
    this.put(found);
    if (!this.has(seq)) this.parents.set(seq, win.toRow(found));
    return found;
  }

  private get isReading(): boolean {
    return this.isReplacing || this.older === 'loading' || this.newer === 'loading';
  }

  private history(args: Ask): Promise<Page> {
    return this.request<Page>('history', { room: this.room, ...args });
  }

  private async replace(place: Place, args: Ask): Promise<void> {
    this.reading += 1;
    const mine = this.reading;
    if (this.window.rows.length === 0) this.status = 'loading';
    this.isReplacing = true;
    try {
      const page = await this.history(args);
      if (mine !== this.reading) return;
      this.merge(page, place, args.limit);
      this.status = 'ready';
      this.older = 'idle';
      this.newer = 'idle';
    } catch (error) {
      if (mine !== this.reading) return;
      if (codeOf(error) === 'not_found') this.status = 'gone';
      else if (this.window.rows.length === 0) this.status = 'failed';
    } finally {
      if (mine === this.reading) {
        this.isReplacing = false;
        this.forgetEarly();
      }
    }
  }

  private async extend(place: 'before' | 'after', args: Ask): Promise<Side> {
    const during = this.reading;
    try {
      const page = await this.history(args);
      if (during !== this.reading) return 'idle';
      this.merge(page, place, args.limit);
      return 'idle';
    } catch {
      return during === this.reading ? 'failed' : 'idle';
    }
  }

  private merge(page: Page, place: Place, limit: number): void {
    const info = { place, limit, headSeq: page.head.seq };
    let next = win.withPage(this.window, page.messages, info);
    for (const event of this.early) next = win.apply(next, event, this.me());
    this.window = win.trimmed(next, place === 'before' ? 'start' : 'end');
  }

  private take(next: Window): void {
    this.window = win.trimmed(next, this.isPinned ? 'end' : 'start');
  }

  private forgetEarly(): void {
    if (!this.isReading) this.early = [];
  }

  private renewParent(message: Message): void {
    const known = this.parents.get(message.seq);
    if (typeof known === 'object' && message.rev > known.rev) {
      this.parents.set(message.seq, win.toRow(message));
    }
  }
}
