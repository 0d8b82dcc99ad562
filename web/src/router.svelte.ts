import { HOME } from './lib/state/home';

/** What stands beside a room: the thread on one of its messages, or a list. */
export type Panel = { kind: 'thread'; on: number; seq: number | undefined } | { kind: 'pins' } | { kind: 'members' };

/** What calls the reader, or the threads that one follows. */
export type InboxSection = 'calls' | 'threads';

/** Where the page is. Addresses are the server's own paths, so that they can be shared. */
export type Route =
  | { page: 'home' }
  | { page: 'guild'; guild: string }
  | { page: 'room'; guild: string | undefined; room: string; seq: number | undefined; panel?: Panel }
  | { page: 'setup'; token: string }
  | { page: 'inbox'; section: InboxSection }
  | { page: 'settings'; section: string }
  | { page: 'guild-settings'; guild: string; section: string }
  | { page: 'room-settings'; guild: string; room: string; section: string }
  | { page: 'administration'; section: string }
  | { page: 'guilds' }
  | { page: 'welcome' }
  | { page: 'sign-in' }
  | { page: 'new-password'; token: string }
  | { page: 'invite'; code: string };

export function parseRoute(path: string, search: string, hash: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (first === 'setup') {
    // In the fragment the token reaches no server log; the query is for people who retype it.
    const token =
      new URLSearchParams(hash.slice(1)).get('token') ?? new URLSearchParams(search).get('token');
    return { page: 'setup', token: token ?? '' };
  }
  if (first === 'new-password') return { page: 'new-password', token: new URLSearchParams(hash.slice(1)).get('token') ?? '' };
  if (first === 'settings') return { page: 'settings', section: second ?? 'profile' };
  if (first === 'administration') return { page: 'administration', section: second ?? 'overview' };
  if (first === 'guilds') return { page: 'guilds' };
  if (first === 'welcome') return { page: 'welcome' };
  if (first === 'inbox') return { page: 'inbox', section: second === 'threads' ? 'threads' : 'calls' };
  if (first === 'sign-in') return { page: 'sign-in' };
  if (first === 'invite' && second !== undefined) return { page: 'invite', code: second };
  const guild = first === 'dm' ? HOME : first === 'g' ? second : undefined;
  const [kind, room, message, ...rest] = guild === undefined ? parts : parts.slice(guild === HOME ? 1 : 2);
  if (kind === 'settings' && guild !== undefined) return { page: 'guild-settings', guild, section: room ?? 'overview' };
  if (kind === 'r' && room !== undefined && message === 'settings' && guild !== undefined) {
    return { page: 'room-settings', guild, room, section: rest[0] ?? 'overview' };
  }
  if (kind === 'r' && room !== undefined) {
    const panel = parsePanel(message, rest);
    return { page: 'room', guild, room, seq: parseSeq(message), ...(panel === undefined ? {} : { panel }) };
  }
  return guild === undefined ? { page: 'home' } : { page: 'guild', guild };
}

export const guildPath = (guild: string): string => (guild === HOME ? '/dm' : `/g/${guild}`);

function parseSeq(text: string | undefined): number | undefined {
  const seq = Number(text);
  return Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
}

function parsePanel(kind: string | undefined, [on, seq]: string[]): Panel | undefined {
  if (kind === 'pins' || kind === 'members') return { kind };
  const parent = parseSeq(on);
  return kind === 't' && parent !== undefined ? { kind: 'thread', on: parent, seq: parseSeq(seq) } : undefined;
}

export function panelPath(panel: Panel): string {
  if (panel.kind !== 'thread') return `/${panel.kind}`;
  return `/t/${panel.on}${panel.seq === undefined ? '' : `/${panel.seq}`}`;
}

/** Without its guild, which only somebody in it knows, a room's address leads there as well. */
export const roomPath = (guild: string | undefined, room: string, seq?: number): string =>
  `${guild === undefined ? '' : guildPath(guild)}/r/${room}${seq === undefined ? '' : `/${seq}`}`;

/** Where one reads in a room: at its end, or at one of its messages. */
export type Spot = number | 'end';

/** Where to on the way back to a place. Of the end nothing is kept: an address without a message leads there. */
export function spotOf(from: Route, to: Route, kept: Spot | undefined): Spot | undefined {
  if (to.page !== 'room') return undefined;
  const isBeside = from.page === 'room' && from.room === to.room && (from.panel !== undefined || to.panel !== undefined);
  // What stood beside the room was closed or opened: the room itself stays where it is.
  if (isBeside) return undefined;
  return kept ?? (to.seq === undefined ? 'end' : undefined);
}

class Router {
  route = $state.raw<Route>({ page: 'home' });
  /** Counts navigations, so that going to the same message twice shows it twice. */
  visits = $state(0);

  /** Where one was when one left the place that one has come back to; undefined after going anywhere new. */
  back: Spot | undefined;
  /** Says where one is, for when one comes back. */
  spot: () => Spot | undefined = () => undefined;

  start(): void {
    this.read();
    addEventListener('popstate', ({ state }: PopStateEvent) => {
      const from = this.route;
      this.read();
      this.back = spotOf(from, this.route, (state as { spot?: Spot } | null)?.spot);
    });
    addEventListener('hashchange', () => {
      this.read();
    });
    document.addEventListener('click', (event) => {
      this.follow(event);
    });
  }

  go(path: string, how: 'push' | 'replace' = 'push'): void {
    if (how === 'push') {
      const spot = this.spot();
      // The end is where an address without a message leads anyway.
      const isPlain = spot === 'end' && (this.route as { seq?: number }).seq === undefined;
      if (spot !== undefined && !isPlain) history.replaceState({ spot }, '');
      history.pushState(null, '', path);
    } else history.replaceState(null, '', path);
    this.read();
  }

  /** Another address of the same place: nobody went anywhere. */
  correct(path: string): void {
    history.replaceState(history.state, '', path);
    this.route = parseRoute(location.pathname, location.search, location.hash);
  }

  private read(): void {
    this.back = undefined;
    this.route = parseRoute(location.pathname, location.search, location.hash);
    this.visits += 1;
  }

  /** Links inside the page change it instead of loading it again. */
  private follow(event: MouseEvent): void {
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (event.defaultPrevented || !isPlain || !(event.target instanceof Element)) return;
    const link = event.target.closest('a');
    if (link === null || link.target !== '' || link.origin !== location.origin || link.download !== '') return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  }
}

export const router = new Router();
