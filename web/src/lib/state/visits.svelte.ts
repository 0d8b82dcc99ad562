import { SvelteMap } from 'svelte/reactivity';
import { codeOf } from '../api/errors';
import type { Spot } from '../../router.svelte';
import type { Head } from '../api/types';
import type { KeptRoom } from './keeping';
import { rooms } from './rooms.svelte';
import { Timeline } from './timeline.svelte';

/** The server pushes at most 16 rooms whole; beyond these few, going back to a room resumes it anyway. */
const MOST_OPEN = 8;

export interface VisitsOptions {
  ask: <T>(op: string, args: object) => Promise<T>;
  isReady: () => boolean;
  /** The connection is gone, or the browser says that nothing can be reached. */
  isAway: () => boolean;
  me: () => string;
}

/** The rooms that were looked at, and what the page does when somebody comes to one. */
export class Visits {
  private timelines = new SvelteMap<string, Timeline>();
  /** The rooms that are on the screen: a channel, and perhaps a thread beside it. */
  private shown = new Set<string>();

  /** What this browser has kept of a room, for when there is no connection. */
  kept: ((room: string) => Promise<KeptRoom | undefined>) | undefined;

  constructor(private readonly options: VisitsOptions) {}

  get(room: string): Timeline | undefined {
    return this.timelines.get(room);
  }

  get all(): Timeline[] {
    return [...this.timelines.values()];
  }

  /** Those whose events the server pushes whole. */
  get open(): Timeline[] {
    return this.all.filter((timeline) => timeline.isOpen);
  }

  isShown(room: string): boolean {
    return this.shown.has(room);
  }

  clear(): void {
    this.timelines.clear();
  }

  forget(): void {
    this.shown.clear();
    this.timelines.clear();
    this.kept = undefined;
  }

  /**
   * Goes to a room: back to where one was, or to one of its messages if it is named, else to what is new, else to the
   * present.
   */
  async enter(room: string, seq?: number, back?: Spot): Promise<void> {
    const spot = back === 'end' ? rooms.get(room)?.seq : back;
    // In an empty room there is nowhere to go back to.
    const goal = spot === 0 ? seq : (spot ?? seq);
    const isReturn = this.shown.has(room);
    this.shown.add(room);
    const timeline = this.timelines.get(room) ?? this.newTimeline(room);
    const isThere = goal === undefined || (back !== undefined && timeline.sees(goal));
    if (isReturn && isThere && timeline.status === 'ready') return;
    if (!isReturn) {
      timeline.newAfter = undefined;
      this.drawNewLine(timeline);
    }
    timeline.isHeld = false;
    timeline.arrival = undefined;
    timeline.goal = goal;
    timeline.isNamed = back === undefined;
    await this.fill(timeline);
  }

  leave(room: string): void {
    this.shown.delete(room);
    this.timelines.get(room)?.leave();
  }

  /** After a new connection: the rooms on the screen, and what waited in them for a connection. */
  reopen(): void {
    for (const room of this.shown) {
      const timeline = this.timelines.get(room) ?? this.newTimeline(room);
      if (timeline.older === 'failed') timeline.older = 'idle';
      if (timeline.newer === 'failed') timeline.newer = 'idle';
      this.drawNewLine(timeline);
      void this.fill(timeline);
    }
  }

  /** What somebody made unread stays so: not what is in sight, but the next visit reads it. */
  hold(room: string, seq: number): void {
    const timeline = this.timelines.get(room);
    if (timeline === undefined) return;
    timeline.isHeld = true;
    timeline.newAfter = seq;
  }

  /** A room that is gone, or may not be seen any more: nothing of it stays on the screen. */
  close(room: string): void {
    const timeline = this.timelines.get(room);
    if (timeline === undefined) return;
    if (this.shown.has(room)) timeline.vanish();
    else this.timelines.delete(room);
  }

  /** What one looks at, or looked at, may have gone while there was no connection. */
  closeGone(): void {
    for (const { room, status } of this.all) {
      if (status === 'ready' && rooms.get(room) === undefined) this.close(room);
    }
  }

  /** Reads what somebody looks at anew. At the end that is where the new begins, not the new end: nothing is skipped. */
  async readHere(timeline: Timeline): Promise<void> {
    const { view } = timeline;
    const known = rooms.get(timeline.room);
    const unread = known === undefined || known.unread === 0 ? undefined : known.marker.seq + 1;
    const seen = view === undefined ? undefined : Math.floor((view.first + (view.last ?? view.first)) / 2);
    const at = timeline.isPinned ? unread : seen;
    if (at === undefined) await timeline.readNewest();
    else await timeline.readHere(at);
  }

  /** The line stays above what was new when one came, unless all of that was read since. */
  private drawNewLine(timeline: Timeline): void {
    const known = rooms.get(timeline.room);
    if (known === undefined || known.unread === 0) return;
    if (timeline.newAfter === undefined || timeline.isPinned) timeline.newAfter = known.marker.seq;
  }

  private newTimeline(room: string): Timeline {
    const timeline = new Timeline(
      room,
      this.options.ask,
      this.options.me,
    );
    this.timelines.set(room, timeline);
    return timeline;
  }

  /** Has what a visit needs, once there is a connection; shows what there is until then. */
  private async fill(timeline: Timeline): Promise<void> {
    timeline.visit += 1;
    const mine = timeline.visit;
    if (timeline.status === 'idle') timeline.status = 'loading';
    timeline.isMissing = false;
    if (this.options.isAway()) await this.takeKept(timeline, mine);
    if (mine !== timeline.visit) return;
    if (!this.options.isReady()) {
      const { goal } = timeline;
      if (timeline.status === 'ready' && (goal === undefined || timeline.has(goal))) timeline.arrive(firstNew(timeline));
      return;
    }
    let isStale = timeline.status !== 'ready';
    if (!timeline.isOpen) {
      try {
        isStale = (await this.subscribe(timeline)) || isStale;
      } catch (error) {
        timeline.status = codeOf(error) === 'not_found' ? 'gone' : timeline.status === 'ready' ? 'ready' : 'failed';
        return;
      }
    }
    timeline.isKept = false;
    if (timeline.arrival !== undefined) {
      if (isStale) await this.readHere(timeline);
      else if (timeline.isPinned && !timeline.window.reachesEnd) await timeline.readNewest();
      return;
    }
    const at = timeline.goal ?? firstNew(timeline);
    if (at === undefined) {
      if (isStale || !timeline.window.reachesEnd) await timeline.readNewest();
    } else if (isStale || !timeline.has(at)) {
      await timeline.readAround(at);
    }
    const isThere = mine === timeline.visit && this.shown.has(timeline.room);
    if (isThere && timeline.status === 'ready') timeline.arrive(firstNew(timeline));
  }

  /** Shows what this browser has kept of a room of which nothing is here. */
  private async takeKept(timeline: Timeline, visit: number): Promise<void> {
    if (timeline.window.rows.length > 0 || (timeline.status !== 'loading' && timeline.status !== 'failed')) return;
    timeline.status = 'loading';
    const kept = await this.kept?.(timeline.room);
    // A connection may have come first.
    if (visit !== timeline.visit) return;
    timeline.isMissing = kept === undefined;
    if (kept === undefined) return;
    timeline.restore(kept);
    timeline.arrive(firstNew(timeline));
  }

  /** Has a room's events pushed. Answers whether what the timeline has must be read anew. */
  private async subscribe(timeline: Timeline): Promise<boolean> {
    const { room } = timeline;
    const isFirst = timeline.rev === 0;
    // Set before the answer: events may follow it in the same burst.
    timeline.isOpen = true;
    try {
      const args = isFirst ? { room } : { room, since_rev: timeline.rev };
      const { head, reset } = await this.options.ask<{ head: Head; reset: boolean }>('open', args);
      if (isFirst || reset) timeline.detach(head.rev);
      rooms.head(room, head);
      this.closeSurplus();
      return reset;
    } catch (error) {
      timeline.isOpen = false;
      throw error;
    }
  }

  private closeSurplus(): void {
    const surplus = this.open.filter((timeline) => !this.shown.has(timeline.room)).slice(0, -(MOST_OPEN - 2));
    for (const timeline of surplus) {
      timeline.isOpen = false;
      this.options.ask('close', { room: timeline.room }).catch(() => undefined);
    }
  }
}

/** The message that the line above what is new stands above. */
function firstNew(timeline: Timeline): number | undefined {
  return timeline.newAfter === undefined ? undefined : timeline.newAfter + 1;
}

