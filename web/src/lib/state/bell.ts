import type { Message, Notification as Choice } from '../api/types';
import { choiceFor, isWorthTelling, Told } from '../bell';
import { i18n } from '../i18n/i18n.svelte';
import { chime } from '../sound';
import { Tabs } from '../tabs';
import { router } from '../../router.svelte';
import { client } from './client.svelte';
import { HOME } from './home';
import { mutes } from './mutes.svelte';
import { plainText } from './names';
import { people } from './people.svelte';
import { pathTo } from './places';
import { preferences } from './preferences.svelte';
import { presence } from './presence.svelte';
import { rooms } from './rooms.svelte';
import { titleOf } from './titles';

const LONGEST = 160;
/** What somebody chose may be changed in another session; asking more often than this would be for nothing. */
const FRESH_MS = 60_000;
const QUIET_MS = 2_000;

/** Tells the desktop of what calls the reader while nobody looks. */
class Bell {
  private readonly told = new Told();
  private readonly tabs = new Tabs();
  private choices: Promise<readonly Choice[]> | undefined;
  private readAt = 0;
  private changes = 0;
  private rangAt = 0;

  start(): void {
    presence.want(client.me.id);
    client.onPosted = (message, calls) => void this.posted(message, calls);
    client.onNews = (room) => void this.news(room);
  }

  private async posted(message: Message, calls: boolean): Promise<void> {
    const { room, seq, author } = message;
    if (author === client.me.id || message.system !== undefined || message.deleted !== null) return;
    if (seq <= (rooms.get(room)?.marker.seq ?? 0) || !(await this.mayTell(room, calls)) || !this.told.first(`${room} ${seq}`)) return;
    await people.meet([author, ...(message.mentions?.users ?? [])]);
    const where = this.nameOf(room);
    const who = people.name(author) ?? i18n.t.unknownUser;
    this.show(where === undefined ? who : `${who} · ${where}`, plainText(message.text), room, seq);
  }

  /** Something was posted in a room of which only its head is told. */
  private async news(room: string): Promise<void> {
    const seq = rooms.get(room)?.seq ?? 0;
    if (!(await this.mayTell(room, false)) || !this.told.first(`${room} ${seq}`)) return;
    this.show(this.nameOf(room) ?? i18n.t.appName, i18n.t.newMessages, room, undefined);
  }

  private async mayTell(room: string, calls: boolean): Promise<boolean> {
    if (preferences.notify.value === 'off') return false;
    const known = rooms.get(room);
    const choice = choiceFor(await this.chosen(), room, known?.guild, Date.now());
    const isConversation = known?.guild === HOME;
    const status = presence.status(client.me.id);
    return isWorthTelling({ ...choice, isConversation, calls, status }) && this.tabs.shouldTell();
  }

  private chosen(): Promise<readonly Choice[]> {
    if (this.choices === undefined || this.changes !== mutes.changes || Date.now() - this.readAt > FRESH_MS) {
      [this.readAt, this.changes] = [Date.now(), mutes.changes];
      this.choices = client.ask<{ notifications: Choice[] }>('notifications').then(
        ({ notifications }) => notifications,
        () => {
          this.choices = undefined;
          return [];
        },
      );
    }
    return this.choices;
  }

  /** Where it is, when that is not said by who wrote it. */
  private nameOf(room: string): string | undefined {
    const known = rooms.get(room);
    if (known === undefined || known.kind === 'dm') return undefined;
    return known.kind === 'channel' ? `#${known.name}` : titleOf(known);
  }

  private show(title: string, text: string, room: string, seq: number | undefined): void {
    const path = pathTo(room, seq);
    if ('Notification' in globalThis && Notification.permission === 'granted') {
      const body = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
      // One for each room: the newest takes the place of the one before.
      void notify(title, { body, tag: room, icon: '/icon-192.png', silent: true, data: path });
    }
    if (preferences.sound.value === 'off' || Date.now() - this.rangAt < QUIET_MS) return;
    this.rangAt = Date.now();
    chime();
  }
}

/** On phones only the service worker may show one; it then leads back here by itself. */
async function notify(title: string, options: NotificationOptions): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration !== undefined) {
    await registration.showNotification(title, options);
    return;
  }
  const shown = new Notification(title, options);
  shown.onclick = () => {
    window.focus();
    router.go(String(options.data));
    shown.close();
  };
}

export const bell = new Bell();
