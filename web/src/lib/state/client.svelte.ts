import { SvelteMap } from 'svelte/reactivity';
import { ApiError, codeOf } from '../api/errors';
import { http } from '../api/http';
import { Gateway, type LinkState } from '../api/socket';
import type { Channel, Head, Marker, Message, Ready, Resume, Signal, StreamEvent } from '../api/types';
import { isTooBig } from '../graphemes';
import type { Row } from '../timeline/window';
import { readChannels, untilAnswered } from './listing';
import { Markers } from './markers';
import { Outbox } from './outbox.svelte';
import { people } from './people.svelte';
import { rooms } from './rooms.svelte';
import { Timeline } from './timeline.svelte';
import { typing } from './typing.svelte';

/** The server pushes at most 16 rooms whole; beyond these few, going back to a room resumes it anyway. */
const MOST_OPEN = 8;

function gatewayUrl(): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/gateway`;
}

/** What one signed-in user has of the server: the connection, and everything that it feeds. */
class Client {
  link = $state<LinkState>('connecting');
  /** Not before the first connection: a page that just opened has nothing to apologise for. */
  wasReady = $state(false);
  /** The server said that it goes down, and it was not asked in vain since. */
  isDraining = $state(false);
  me = $state.raw({ id: '', name: '' });
  current = $state<string | undefined>(undefined);
  /** Called when the server ended the session. */
  onEnded: () => void = () => undefined;
  /** Called when a connection failed before it was ready; the session may have ended. */
  onUnreached: () => void = () => undefined;

  readonly outbox = new Outbox({
    post: (item) => this.post(item.room, item.text, item.reply_to, item.nonce),
    posted: (message) => {
      this.posted(message);
    },
    storage: sessionStorage,
  });

  private timelines = new SvelteMap<string, Timeline>();
  private gateway: Gateway | undefined;
  private epoch = '';
  private guildRevs = new Map<string, number>();
  private hasTriedAgain = false;
  /** Counts what asked to open a room; an overtaken one leads nowhere. */
  private visits = 0;
  private readonly markers = new Markers((room, seq) => this.tellMarker(room, seq));

  start(): void {
    this.gateway ??= new Gateway(
      { url: gatewayUrl() },
      {
        resume: () => this.resume(),
        ready: (ready) => {
          this.ready(ready);
        },
        event: (event) => {
          this.apply(event);
        },
        signal: (signal) => {
          this.hear(signal);
        },
        state: (state) => {
          this.linkIs(state);
        },
        unreached: () => {
          this.onUnreached();
        },
      },
    );
    this.gateway.start();
  }

  /** Leaves. What waits to be sent stays for the same user's next session, unless they signed out themselves. */
  stop(keepOutbox: boolean): void {
    this.gateway?.stop();
    this.gateway = undefined;
    this.markers.forget();
    this.epoch = '';
    this.wasReady = false;
    this.current = undefined;
    this.guildRevs.clear();
    this.timelines.clear();
    if (keepOutbox) this.outbox.pause();
    else this.outbox.forget();
    rooms.forget();
    people.forget();
  }

  hurry(): void {
    this.gateway?.hurry();
  }

  probe(): void {
    this.gateway?.probe();
  }

  timeline(room: string): Timeline | undefined {
    return this.timelines.get(room);
  }

  /** Goes to a room: to one of its messages if it is named, else to what is new, else to the present. */
  async enter(room: string, seq?: number): Promise<void> {
    const isReturn = this.current === room;
    this.current = room;
    const timeline = this.timelines.get(room) ?? this.newTimeline(room);
    if (isReturn && seq === undefined && timeline.status === 'ready') return;
    if (!isReturn) {
      timeline.newAfter = undefined;
      this.drawNewLine(timeline);
    }
    timeline.isHeld = false;
    timeline.arrival = undefined;
    timeline.goal = seq;
    await this.open(timeline);
  }

  /** The room is no longer on the screen. */
  leave(room: string): void {
    if (this.current === room) this.current = undefined;
    this.timelines.get(room)?.leave();
    this.markers.flush();
  }

  /** Posts through the outbox, which also works while there is no connection. */
  send(room: string, text: string, replyTo: number | null): void {
    const timeline = this.timelines.get(room);
    const newest = Math.max(rooms.get(room)?.seq ?? 0, timeline?.window.rows.at(-1)?.seq ?? 0);
    typing.stop();
    this.outbox.add(room, text, replyTo, newest);
    if (timeline !== undefined) timeline.newAfter = undefined;
  }

  async edit(room: string, seq: number, text: string): Promise<void> {
    mustFit(text);
    const { message } = await this.ask<{ message: Message }>('edit', { room, seq, text });
    this.timelines.get(room)?.put(message);
  }

  async delete(room: string, seq: number): Promise<void> {
    const { message } = await this.ask<{ message: Message }>('delete', { room, seq });
    this.timelines.get(room)?.put(message);
  }

  async react(room: string, seq: number, emoji: string, on: boolean): Promise<void> {
    const { message } = await this.ask<{ message: Message }>('react', { room, seq, emoji, on });
    this.timelines.get(room)?.putReaction(message, emoji, on);
  }

  tellTyping(room: string): void {
    typing.tell(() => {
      this.ask('typing', { room }).catch(() => undefined);
    });
  }

  /** Somebody read up to a message. Shown at once, told to the server a little later. */
  seen({ room, seq, n }: Row): void {
    const known = rooms.get(room);
    if (known === undefined || seq <= known.marker.seq) return;
    rooms.read(room, { seq, n });
    this.markers.move(room, seq);
  }

  /** The page goes out of sight, perhaps for good. */
  hidden(): void {
    this.markers.flush();
  }

  private async tellMarker(room: string, seq: number): Promise<void> {
    const answer = await this.ask<{ marker: Marker; unread: number }>('mark', { room, seq });
    rooms.mark(room, answer.marker, answer.unread);
  }

  private ask<T>(op: string, args: object): Promise<T> {
    if (this.gateway === undefined) return Promise.reject(new Error('there is no gateway'));
    return this.gateway.request<T>(op, args);
  }

  private async post(room: string, text: string, replyTo: number | null, nonce: string): Promise<Message> {
    mustFit(text);
    const args = { room, text, nonce, ...(replyTo === null ? {} : { reply_to: replyTo }) };
    return (await this.ask<{ message: Message }>('post', args)).message;
  }

  private posted(message: Message): void {
    const { room, rev, seq, n } = message;
    this.timelines.get(room)?.put(message);
    rooms.head(room, { rev, seq, n });
    // The server takes whoever posts as having read up to there; what it tells itself is nobody's post.
    if (message.system === undefined) rooms.read(room, { seq, n });
  }

  private newTimeline(room: string): Timeline {
    const timeline = new Timeline(
      room,
      (op, args) => this.ask(op, args),
      () => this.me.id,
    );
    this.timelines.set(room, timeline);
    return timeline;
  }

  /** Has what a visit needs, once there is a connection; shows what there is until then. */
  private async open(timeline: Timeline): Promise<void> {
    this.visits += 1;
    const mine = this.visits;
    if (this.link !== 'ready') {
      const { goal } = timeline;
      if (timeline.status === 'idle') timeline.status = 'loading';
      else if (timeline.status === 'ready' && (goal === undefined || timeline.has(goal))) timeline.arrive(firstNew(timeline));
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
    if (mine === this.visits && timeline.status === 'ready') timeline.arrive(firstNew(timeline));
  }

  /** Reads what somebody looks at anew. At the end that is where the new begins, not the new end: nothing is skipped. */
  private async readHere(timeline: Timeline): Promise<void> {
    const { view } = timeline;
    const known = rooms.get(timeline.room);
    const unread = known === undefined || known.unread === 0 ? undefined : known.marker.seq + 1;
    const seen = view === undefined ? undefined : Math.floor((view.first + (view.last ?? view.first)) / 2);
    const at = timeline.isPinned ? unread : seen;
    if (at === undefined) await timeline.readNewest();
    else await timeline.readHere(at);
  }

  /** Has a room's events pushed. Answers whether what the timeline has must be read anew. */
  private async subscribe(timeline: Timeline): Promise<boolean> {
    const { room } = timeline;
    const isFirst = timeline.rev === 0;
    // Set before the answer: events may follow it in the same burst.
    timeline.isOpen = true;
    try {
      const args = isFirst ? { room } : { room, since_rev: timeline.rev };
      const { head, reset } = await this.ask<{ head: Head; reset: boolean }>('open', args);
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
    const open = [...this.timelines.values()].filter((timeline) => timeline.isOpen);
    const surplus = open.filter((timeline) => timeline.room !== this.current).slice(0, -(MOST_OPEN - 1));
    for (const timeline of surplus) {
      timeline.isOpen = false;
      this.ask('close', { room: timeline.room }).catch(() => undefined);
    }
  }

  private resume(): Resume | undefined {
    if (this.epoch === '') return undefined;
    const open = [...this.timelines.values()].filter((timeline) => timeline.isOpen);
    return {
      epoch: this.epoch,
      rooms: Object.fromEntries(open.map((timeline) => [timeline.room, timeline.rev])),
      guilds: Object.fromEntries(this.guildRevs),
    };
  }

  private ready(ready: Ready): void {
    this.me = ready.user;
    people.know(ready.user.id, ready.user.name);
    const isOther = this.epoch !== '' && this.epoch !== ready.epoch;
    if (isOther) this.startOver();
    this.epoch = ready.epoch;
    if (!ready.resumed) for (const timeline of this.timelines.values()) timeline.isOpen = false;
    for (const [room, seq] of rooms.take(ready.guilds)) this.markers.move(room, seq);
    for (const guild of ready.guilds) {
      this.guildRevs.set(guild.id, guild.rev);
      if (guild.more_channels) void untilAnswered(() => this.readChannels(guild.id));
    }
    if (!ready.guilds.some((guild) => guild.more_channels)) this.closeGone();
    this.outbox.restore(ready.user.id);
    if (isOther) this.outbox.rebase((room) => rooms.get(room)?.seq ?? 0);
  }

  /** The server has other data: nothing that was numbered before means anything now. */
  private startOver(): void {
    this.timelines.clear();
    this.guildRevs.clear();
    this.markers.forget();
    rooms.forget();
  }

  private linkIs(state: LinkState): void {
    this.link = state;
    if (state === 'ready') {
      this.wasReady = true;
      this.isDraining = false;
      this.outbox.online();
      this.markers.flush();
      this.reopen();
    } else {
      this.outbox.offline();
    }
    if (state === 'connecting') this.hasTriedAgain = true;
    if (state === 'waiting' && this.hasTriedAgain) this.isDraining = false;
    if (state === 'ended') this.onEnded();
  }

  /** After a new connection: the room on the screen, and what waited in it for a connection. */
  private reopen(): void {
    if (this.current === undefined) return;
    const timeline = this.timelines.get(this.current) ?? this.newTimeline(this.current);
    if (timeline.older === 'failed') timeline.older = 'idle';
    if (timeline.newer === 'failed') timeline.newer = 'idle';
    this.drawNewLine(timeline);
    void this.open(timeline);
  }

  /** The line stays above what was new when one came, unless all of that was read since. */
  private drawNewLine(timeline: Timeline): void {
    const known = rooms.get(timeline.room);
    if (known === undefined || known.unread === 0) return;
    if (timeline.newAfter === undefined || timeline.isPinned) timeline.newAfter = known.marker.seq;
  }

  /** Every durable change of the server enters here. */
  private apply(event: StreamEvent): void {
    const [kind, id = ''] = event.stream.split(':');
    if (kind === 'guild') this.guildRevs.set(id, Math.max(this.guildRevs.get(id) ?? 0, event.rev));
    if (kind !== 'room') return;
    this.timelines.get(id)?.apply(event);
    const known = rooms.get(id);
    if (event.kind === 'message.posted') {
      const { seq, n, author, system } = event.data as Message;
      typing.done(id, author);
      rooms.head(id, { rev: event.rev, seq, n });
      if (author === this.me.id && system === undefined) rooms.read(id, { seq, n });
    } else if (known !== undefined) {
      if (event.kind === 'message.deleted' && event.rev > known.rev) rooms.deleted(id, (event.data as Message).seq);
      rooms.head(id, { rev: event.rev, seq: known.seq, n: known.n });
    }
  }

  private hear({ signal, data }: Signal): void {
    switch (signal) {
      case 'head': {
        const head = data as Head & { room: string };
        rooms.head(head.room, head);
        break;
      }
      case 'advance':
        this.advance(data as { stream: string; rev: number });
        break;
      case 'reset':
        void this.reset(data as { stream?: string; head?: Head; guild?: string });
        break;
      case 'guild_joined':
        void untilAnswered(() => this.joined((data as { guild: string }).guild));
        break;
      case 'guild_left':
        this.left((data as { guild: string }).guild);
        break;
      case 'room': {
        const { guild, channel } = data as { guild: string; channel: Channel };
        rooms.put(guild, channel);
        break;
      }
      case 'typing': {
        const { room, user } = data as { room: string; user: string };
        people.want(user);
        typing.heard(room, user);
        break;
      }
      case 'marker': {
        this.marked(data as Marker & { room: string; unread: number; back?: boolean });
        break;
      }
      case 'draining':
        this.isDraining = true;
        this.hasTriedAgain = false;
        break;
    }
  }

  /** Another session of the same user has read on, or has made something unread again. */
  private marked({ room, seq, n, unread, back = false }: Marker & { room: string; unread: number; back?: boolean }): void {
    if (back) this.hold(room, seq);
    rooms.mark(room, { seq, n }, unread, back);
  }

  /** What somebody made unread stays so: not what is in sight, but the next visit reads it. */
  private hold(room: string, seq: number): void {
    this.markers.drop(room);
    const timeline = this.timelines.get(room);
    if (timeline === undefined) return;
    timeline.isHeld = true;
    timeline.newAfter = seq;
  }

  private advance({ stream, rev }: { stream: string; rev: number }): void {
    const [kind, id = ''] = stream.split(':');
    const timeline = this.timelines.get(id);
    if (kind === 'room' && timeline !== undefined) timeline.rev = Math.max(timeline.rev, rev);
    if (kind === 'guild') this.guildRevs.set(id, Math.max(this.guildRevs.get(id) ?? 0, rev));
  }

  private async reset({ stream, head, guild }: { stream?: string; head?: Head; guild?: string }): Promise<void> {
    if (guild !== undefined) {
      await untilAnswered(() => this.readChannels(guild));
      return;
    }
    const [kind, id] = stream?.split(':') ?? [];
    if (id === undefined || kind !== 'room') return;
    if (head?.rev === 0) {
      rooms.drop(id);
      this.close(id);
      return;
    }
    if (head !== undefined) rooms.head(id, head);
    const timeline = this.timelines.get(id);
    if (timeline === undefined) return;
    timeline.detach(head?.rev ?? 0);
    if (head === undefined) timeline.isOpen = false;
    else if (id === this.current && timeline.arrival !== undefined) await this.readHere(timeline);
    else if (id !== this.current) timeline.empty();
  }

  private async joined(id: string): Promise<void> {
    const { guilds } = await http.guilds();
    const guild = guilds.find((one) => one.id === id);
    if (guild === undefined) return;
    rooms.join(guild);
    this.guildRevs.set(id, Math.max(this.guildRevs.get(id) ?? 0, guild.rev));
    await this.readChannels(id);
  }

  private left(guild: string): void {
    this.guildRevs.delete(guild);
    for (const room of rooms.leave(guild)) this.close(room);
  }

  private async readChannels(guild: string): Promise<void> {
    for (const room of await readChannels(guild)) this.close(room);
  }

  /** What one looks at, or looked at, may have gone while there was no connection. */
  private closeGone(): void {
    for (const { room, status } of [...this.timelines.values()]) {
      if (status === 'ready' && rooms.get(room) === undefined) this.close(room);
    }
  }

  /** A room that is gone, or may not be seen any more: nothing of it stays on the screen. */
  private close(room: string): void {
    const timeline = this.timelines.get(room);
    if (timeline === undefined) return;
    if (room === this.current) timeline.vanish();
    else this.timelines.delete(room);
  }
}

/** The message that the line above what is new stands above. */
function firstNew(timeline: Timeline): number | undefined {
  return timeline.newAfter === undefined ? undefined : timeline.newAfter + 1;
}

/** The server closes a connection over a frame that is too long, and would do so each time that it is sent again. */
function mustFit(text: string): void {
  if (isTooBig(text)) throw new ApiError({ code: 'too_large', message: 'too many bytes' });
}

export const client = new Client();
