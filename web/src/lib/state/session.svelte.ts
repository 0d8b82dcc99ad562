import { ApiError, codeOf } from '../api/errors';
import { http } from '../api/http';
import type { Instance, InstanceName, User } from '../api/types';
import { forgetDrafts } from '../drafts';
import { client } from './client.svelte';
import { people } from './people.svelte';
import { texts } from './texts.svelte';
import { threads } from './threads.svelte';

const RETRY_MS = 3_000;
/** Set while this browser has a session, whose cookie no script can see: strangers need not ask who they are. */
const KEY = 'madang.session';
/** No text waits longer than this for the style sheet of its letters. */
const LETTERS_MS = 250;

/** What this browser keeps; nobody waits for that. */
const kept = () => import('./keeping');

type Phase = 'starting' | 'unreachable' | 'set-up' | 'signed-out' | 'signed-in';

/** Who one is here, and whether there is anybody at all yet. */
class Session {
  phase = $state<Phase>('starting');
  instance = $state.raw<Instance>({ name: '', rev: 0, set_up: true, version: '' });
  user = $state.raw<User | undefined>(undefined);
  owner = $state(false);
  /** The server ended the session, as opposed to never having had one. */
  hasEnded = $state(false);

  constructor() {
    client.onEnded = () => {
      this.leave(true);
    };
    client.onUnreached = () => void this.check();
    client.onInstance = (named) => {
      this.named(named);
    };
    // Signed in by another tab: the cookie is the same.
    globalThis.addEventListener?.('storage', ({ key, newValue }) => {
      if (key === KEY && newValue !== null && this.phase === 'signed-out') this.begin().catch(() => undefined);
    });
  }

  async start(letters: Promise<unknown>): Promise<void> {
    if (localStorage.getItem(KEY) !== null) void texts.load();
    const patience = new Promise((resolve) => setTimeout(resolve, LETTERS_MS));
    try {
      this.instance = await http.instance();
      await Promise.race([letters, patience]);
      if (!this.instance.set_up) this.phase = 'set-up';
      else if (localStorage.getItem(KEY) === null) this.phase = 'signed-out';
      else await this.enter();
    } catch {
      const isOpen = this.phase === 'signed-in' || (await this.openShell());
      if (!isOpen) this.phase = 'unreachable';
      setTimeout(() => void this.start(letters), RETRY_MS);
    }
  }

  /** Without a connection: what this browser has kept of the last one, if somebody is signed in. */
  private async openShell(): Promise<boolean> {
    if (localStorage.getItem(KEY) === null) return false;
    const { keeping } = await kept();
    const shell = await keeping.read();
    if (shell === undefined) return false;
    await texts.load();
    this.instance = { ...shell.instance, rev: 0 };
    this.user = shell.user;
    this.owner = shell.isOwner;
    client.openShell(shell, (room) => keeping.room(room));
    client.start();
    this.phase = 'signed-in';
    return true;
  }

  /** Takes up the session that the cookie holds, if there is one. */
  async enter(): Promise<void> {
    try {
      const me = await http.me();
      this.user = me.user;
      this.owner = me.owner;
    } catch (error) {
      if (!(error instanceof ApiError) || codeOf(error) !== 'unauthenticated') throw error;
      this.leave(true);
      return;
    }
    this.hasEnded = false;
    localStorage.setItem(KEY, '1');
    await texts.load();
    people.know(this.user);
    client.me = this.user;
    client.start();
    this.phase = 'signed-in';
    this.keep();
  }

  /** After set-up, sign-in or an accepted invite. */
  async begin(): Promise<void> {
    this.instance = await http.instance();
    await this.enter();
  }

  /** Takes the place's name, unless a newer one is known. */
  named({ name, rev }: InstanceName): void {
    if (rev <= this.instance.rev) return;
    this.instance = { ...this.instance, name, rev };
    this.keep();
  }

  private keep(): void {
    kept().then(({ keeping }) => { keeping.start(this.instance, this.owner); }, () => undefined);
  }

  async signOut(): Promise<void> {
    await http.signOut();
    this.leave(false);
  }

  private leave(hasEnded: boolean): void {
    client.stop(hasEnded);
    threads.forget();
    kept().then(({ keeping }) => keeping.forget(), () => undefined);
    localStorage.removeItem(KEY);
    if (!hasEnded) forgetDrafts();
    this.user = undefined;
    this.hasEnded = hasEnded;
    this.phase = 'signed-out';
  }

  /** A refused upgrade looks like a dead server from here; only a request tells them apart. */
  private async check(): Promise<void> {
    try {
      await http.me();
    } catch (error) {
      if (codeOf(error) === 'unauthenticated' && this.phase === 'signed-in') this.leave(true);
    }
  }
}

export const session = new Session();
