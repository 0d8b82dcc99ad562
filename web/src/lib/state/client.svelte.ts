import { http } from '../api/http';
import { Gateway, type LinkState } from '../api/socket';
import type {
  Channel,
  Guild,
  Head,
  InstanceName,
  Marker,
  Message,
  Ready,
  Resume,
  RoomDetails,
  Signal,
  StreamEvent,
  User,
} from '../api/types';
import type { Spot } from '../../router.svelte';
import { calls } from '../timeline/calls';
import type { Row } from '../timeline/window';
import { Calls } from './calls';
import { guilds } from './guilds.svelte';
import { heardOfPeople } from './heard';
import { mustFit } from './fitting';
import { HOME } from './home';
import { altered, changed } from './altered';
import { putThread, readChannels, readConversation, readConversations, untilAnswered } from './listing';
import { Markers } from './markers';
import { Outbox } from './outbox.svelte';
import { pace } from './pace.svelte';
import { people } from './people.svelte';
import { presence } from './presence.svelte';
import { roles } from './roles.svelte';
import { rooms } from './rooms.svelte';
import { switches } from './switches.svelte';
import type { KeptRoom, Shell } from './keeping';
import type { Timeline } from './timeline.svelte';
import { typing } from './typing.svelte';
import { Visits } from './visits.svelte';

function gatewayUrl(): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/gateway`;
}

/** A server that restarts is seldom back at the first try; for so long that is no news. */
const RESTART_MS = 5_000;

/** What one signed-in user has of the server: the connection, and everything that it feeds. */
class Client {
  link = $state<LinkState>('connecting');
  /** Not before the first connection: a page that just opened has nothing to apologise for. */
  wasReady = $state(false);
  /** The server said that it goes down, and it was not asked in vain for longer than that takes. */
  isDraining = $state(false);
  /** What is here is what this browser had kept: it is read, and nothing else, until there is a connection. */
  isShell = $state(false);
  me = $state.raw<User>({ id: '', name: '' });
  /** Called when the server ended the session. */
  onEnded: () => void = () => undefined;
  /** Called when a connection failed before it was ready; the session may have ended. */
  onUnreached: () => void = () => undefined;

  /** Called when the instance is called so, which may be no news. */
  onInstance: (instance: InstanceName) => void = () => undefined;
  /** Called when somebody has posted something that is told whole; `calls` says whether it calls this user. */
  onPosted: (message: Message, calls: boolean) => void = () => undefined;
  /** Called when a room of which only the head is told has something new. */
  onNews: (room: string) => void = () => undefined;

  readonly outbox = new Outbox({
    post: (item) => this.post(item.room, item.text, item.reply_to, item.nonce),
    posted: (message) => {
      this.posted(message);
    },
    storage: sessionStorage,
  });

  private readonly visits = new Visits({
    ask: (op, args) => this.ask(op, args),
    isReady: () => this.link === 'ready',
    me: () => this.me.id,
  });
  private gateway: Gateway | undefined;
  epoch = '';
  private guildRevs = new Map<string, number>();
  private hasTriedAgain = false;
  private drainedAt = 0;
  private readonly markers = new Markers((room, seq) => this.tellMarker(room, seq));

  /** Roles that this user was given, as far as it was told. */
  private readonly ownRoles = new Map<string, readonly string[]>();
  private readonly calls = new Calls(
    (op, args) => this.ask(op, args),
    (message) => {
      this.onPosted(message, true);
    },
  );

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
    this.calls.forget();
    this.epoch = '';
    this.wasReady = false;
    this.isShell = false;
    this.guildRevs.clear();
    this.visits.forget();
    if (keepOutbox) this.outbox.pause();
    else this.outbox.forget();
    rooms.forget();
    people.forget();
    roles.forget();
    pace.forget();
    presence.forget();
    guilds.forget();
    switches.forget();
    this.ownRoles.clear();
  }

  /** Shows what this browser has kept, until there is a connection. */
  openShell(kept: Shell, room: (id: string) => Promise<KeptRoom | undefined>): void {
    this.isShell = true;
    this.me = kept.user;
    this.epoch = kept.epoch;
    for (const user of kept.people) people.know(user);
    rooms.take(kept.guilds, kept.conversations, false, () => true);
    this.visits.kept = room;
  }

  /** The rooms that were on the screen, the last one last. */
  get seenRooms(): readonly Timeline[] {
    return this.visits.all.filter((timeline) => timeline.status === 'ready');
  }

  hurry(): void {
    this.gateway?.hurry();
  }

  probe(): void {
    this.gateway?.probe();
  }

  timeline(room: string): Timeline | undefined {
    return this.visits.get(room);
  }

  /** Goes to a room: to one of its messages if it is named, else to what is new, else to the present. */
  enter(room: string, seq?: number, back?: Spot): Promise<void> {
    return this.visits.enter(room, seq, back);
  }

  /** The room is no longer on the screen. */
  leave(room: string): void {
    this.visits.leave(room);
    this.markers.flush();
  }

  /** Posts through the outbox, which also works while there is no connection. */
  send(room: string, text: string, replyTo: number | null): void {
    const timeline = this.visits.get(room);
    const newest = Math.max(rooms.get(room)?.seq ?? 0, timeline?.window.rows.at(-1)?.seq ?? 0);
    typing.stop();
    this.outbox.add(room, text, replyTo, newest);
    if (timeline !== undefined) timeline.newAfter = undefined;
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

  /** Makes a message and everything after it unread again, until the next visit. */
  async markUnread(room: string, seq: number): Promise<void> {
    const { marker, unread } = await this.ask<{ marker: Marker; unread: number }>('mark_unread', { room, seq });
    this.marked({ room, ...marker, unread, back: true });
  }

  private async tellMarker(room: string, seq: number): Promise<void> {
    const answer = await this.ask<{ marker: Marker; unread: number }>('mark', { room, seq });
    rooms.mark(room, answer.marker, answer.unread);
  }

  /** Asks the server for one of its operations. */
  ask<T>(op: string, args: object = {}): Promise<T> {
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
    this.visits.get(room)?.put(message);
    rooms.head(room, { rev, seq, n });
    // The server takes whoever posts as having read up to there; what it tells itself is nobody's post.
    if (message.system === undefined) this.wrote(room, { seq, n }, Date.now());
  }

  private resume(): Resume | undefined {
    if (this.epoch === '') return undefined;
    const { open } = this.visits;
    return {
      epoch: this.epoch,
      rooms: Object.fromEntries(open.map((timeline) => [timeline.room, timeline.rev])),
      guilds: Object.fromEntries(this.guildRevs),
    };
  }

  private ready(ready: Ready): void {
    this.me = ready.user;
    this.onInstance(ready.instance);
    people.know(ready.user);
    const isOther = this.epoch !== '' && this.epoch !== ready.epoch;
    if (isOther) this.startOver();
    this.epoch = ready.epoch;
    presence.renew();
    if (ready.resumed) guilds.rooms.renew();
    else {
      for (const timeline of this.visits.all) timeline.isOpen = false;
      guilds.renew();
    }
    const isOnTheWay = (room: string) => this.markers.has(room);
    const back = rooms.take(ready.guilds, ready.conversations, ready.more_conversations, isOnTheWay);
    // Made unread elsewhere: what is in sight does not read it again.
    for (const { id, marker } of back) this.visits.hold(id, marker.seq);
    for (const guild of ready.guilds) {
      this.guildRevs.set(guild.id, guild.rev);
      if (guild.more_channels) void untilAnswered(() => this.readChannels(guild.id));
    }
    if (ready.more_conversations) void untilAnswered(readConversations);
    const isWhole = !ready.more_conversations && !ready.guilds.some((guild) => guild.more_channels);
    if (isWhole) this.visits.closeGone();
    this.outbox.restore(ready.user.id);
    if (isOther) this.outbox.rebase((room) => rooms.get(room)?.seq ?? 0);
  }

  /** The server has other data: nothing that was numbered before means anything now. */
  private startOver(): void {
    this.visits.clear();
    this.guildRevs.clear();
    this.markers.forget();
    rooms.forget();
  }

  private linkIs(state: LinkState): void {
    this.link = state;
    if (state === 'ready') {
      this.wasReady = true;
      this.isShell = false;
      this.isDraining = false;
      this.outbox.online();
      this.markers.flush();
      this.visits.reopen();
    } else {
      this.outbox.offline();
    }
    if (state === 'connecting') this.hasTriedAgain = true;
    if (state === 'waiting' && this.hasTriedAgain && Date.now() - this.drainedAt > RESTART_MS) this.isDraining = false;
    if (state === 'ended') this.onEnded();
  }

  /** Every durable change of the server enters here. */
  private apply(event: StreamEvent): void {
    const [kind, id = ''] = event.stream.split(':');
    if (kind === 'guild') {
      this.guildRevs.set(id, Math.max(this.guildRevs.get(id) ?? 0, event.rev));
      if (event.kind.startsWith('role.')) roles.changed(id);
      if (event.kind === 'member.changed') this.memberChanged(id, event.data as { user: string; roles: string[] });
      guilds.heard(id, event);
      if (event.kind === 'guild.changed') {
        const { name, owner } = (event.data as { guild: Guild }).guild;
        rooms.renameGuild(id, name, owner);
      }
    }
    if (kind !== 'room') return;
    this.visits.get(id)?.apply(event);
    const known = rooms.get(id);
    if (known?.guild === HOME || known?.kind === 'thread') rooms.alter(id, { at: event.at });
    if (event.kind.startsWith('room')) this.applyToRoom(id, event);
    if (event.kind === 'message.posted') {
      const { seq, n, author, system } = event.data as Message;
      typing.done(id, author);
      rooms.head(id, { rev: event.rev, seq, n });
      const callsMe = this.callsMe(id, event.data as Message);
      if (seq > (known?.seq ?? 0) && callsMe) rooms.calledOnce(id, seq);
      if (seq > (known?.seq ?? 0)) this.onPosted(event.data as Message, callsMe);
      if (author === this.me.id && system === undefined) this.wrote(id, { seq, n }, Date.parse(event.at));
    } else if (known !== undefined) {
      if (event.kind === 'message.deleted' && event.rev > known.rev) rooms.deleted(id, (event.data as Message).seq);
      rooms.head(id, { rev: event.rev, seq: known.seq, n: known.n });
    }
  }

  /** Whoever writes has read up to there, and follows the thread that it is in. */
  private wrote(room: string, marker: Marker, at: number): void {
    // The clock here may be behind the server's, and nobody can have written later than now.
    pace.posted(room, Math.min(at, Date.now()));
    rooms.read(room, marker);
    if (rooms.get(room)?.kind === 'thread') rooms.follow(room, true);
  }

  /** Whether a message calls this user: by a mention, or because it answers one of theirs that is here. */
  private callsMe(room: string, message: Message): boolean {
    if (message.author === this.me.id) return false;
    const parent = message.reply_to === null ? undefined : this.visits.get(room)?.row(message.reply_to);
    return parent?.author === this.me.id || calls(message, this.me.id, new Set([...this.ownRoles.values()].flat()));
  }

  private memberChanged(guild: string, { user, roles: given }: { user: string; roles: string[] }): void {
    if (user !== this.me.id) return;
    this.ownRoles.set(guild, given);
  }

  /** What happens to a room itself, as opposed to what is said in it. */
  private applyToRoom(id: string, { kind, data }: StreamEvent): void {
    if (kind === 'room_member.changed') {
      const { user, on } = data as { user: string; on: boolean };
      if (user === this.me.id && !on) this.dropped(id);
      else if (rooms.get(id) === undefined) void untilAnswered(() => readConversation(id));
      else rooms.alter(id, { users: changed(rooms.get(id)?.users ?? [], user, on) });
      return;
    }
    const { room } = data as { room: RoomDetails };
    guilds.heardRoom(id);
    const isConversation = room.kind === 'dm' || room.kind === 'group';
    if (kind === 'room.deleted') this.dropped(id);
    else if (isConversation && rooms.get(id) === undefined) void untilAnswered(() => readConversation(id));
    else rooms.alter(id, altered(room));
  }

  /** A room that one is no longer in. */
  private dropped(id: string): void {
    rooms.drop(id);
    this.visits.close(id);
  }

  private hear({ signal, data }: Signal): void {
    switch (signal) {
      case 'head': {
        const head = data as Head & { room: string };
        const known = rooms.get(head.room);
        const isNew = (known?.n ?? 0) < head.n;
        rooms.head(head.room, head);
        if (known === undefined) void untilAnswered(() => putThread(this.ask('thread', { room: head.room })));
        else if (isNew && known.kind === 'thread') rooms.alter(head.room, { at: new Date().toISOString() });
        if (isNew) this.calls.want();
        if (isNew) this.onNews(head.room);
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
        // Of what calls the reader it tells as little as of what was read.
        rooms.put(guild, { ...channel, mentions: rooms.get(channel.id)?.mentions ?? 0 });
        guilds.heardRoom(channel.id);
        if (channel.n > 0) this.calls.want();
        break;
      }
      case 'marker':
        this.marked(data as Marker & { room: string; unread: number; back?: boolean });
        break;
      case 'instance':
        this.onInstance(data as InstanceName);
        break;
      case 'draining':
        this.isDraining = true;
        this.hasTriedAgain = false;
        this.drainedAt = Date.now();
        break;
      default:
        heardOfPeople(signal, data);
    }
  }

  /** Another session of the same user has read on, or has made something unread again. */
  private marked({ room, seq, n, unread, back = false }: Marker & { room: string; unread: number; back?: boolean }): void {
    if (back) {
      this.markers.drop(room);
      this.visits.hold(room, seq);
    }
    rooms.mark(room, { seq, n }, unread, back);
    if (back) this.calls.want();
  }

  private advance({ stream, rev }: { stream: string; rev: number }): void {
    const [kind, id = ''] = stream.split(':');
    const timeline = this.visits.get(id);
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
      this.dropped(id);
      return;
    }
    if (head !== undefined) rooms.head(id, head);
    const timeline = this.visits.get(id);
    if (timeline === undefined) return;
    timeline.detach(head?.rev ?? 0);
    if (head === undefined) timeline.isOpen = false;
    else if (this.visits.isShown(id) && timeline.arrival !== undefined) await this.visits.readHere(timeline);
    else if (!this.visits.isShown(id)) timeline.empty();
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
    for (const room of rooms.leave(guild)) this.visits.close(room);
  }

  private async readChannels(guild: string): Promise<void> {
    for (const room of await readChannels(guild)) this.visits.close(room);
  }
}

export const client = new Client();
