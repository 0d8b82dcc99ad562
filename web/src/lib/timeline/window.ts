import type { Message, ReactionChange, StreamEvent } from '../api/types';

/** More rows than this in the document make typing slow on a phone. */
export const MOST_ROWS = 300;

/** A message as the page holds it. */
export interface Row extends Message {
  mine: string[];
  /** Up to which rev `mine` is known: events are the same for every receiver and do not carry it. */
  mineRev: number;
}

/** The part of a room's messages that the page holds. Numbers are dense, so a hole would show: there never is one. */
export interface Window {
  /** Oldest first, each number one higher than the last. */
  rows: readonly Row[];
  reachesStart: boolean;
  /** The last row is the room's newest as far as events were seen: what is posted next follows it. */
  reachesEnd: boolean;
  /** Answers that overtook the events of earlier messages. They follow the end until those are there. */
  ahead: readonly Row[];
}

export const EMPTY: Window = { rows: [], reachesStart: false, reachesEnd: false, ahead: [] };

export function toRow(message: Message): Row {
  const fromPage = message.mine !== undefined;
  return { ...message, mine: message.mine ?? [], mineRev: fromPage ? message.rev : 0 };
}

/** The newer of two records of one message. A page's knowledge of one's own reactions outlives an event's lack of it. */
function newer(old: Row, fresh: Row): Row {
  const thread = fresh.thread ?? old.thread;
  const known = thread === undefined ? {} : { thread };
  if (fresh.rev > old.rev) {
    return { ...fresh, ...known, ...(fresh.mineRev > 0 ? {} : { mine: old.mine, mineRev: old.mineRev }) };
  }
  if (fresh.mineRev > old.mineRev) return { ...old, ...known, mine: fresh.mine, mineRev: fresh.mineRev };
  return thread === old.thread ? old : { ...old, ...known };
}

/** Puts records into a window by number; where one is known already, the higher rev stays. */
function merged(rows: readonly Row[], fresh: readonly Row[]): Row[] {
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  for (const row of fresh) {
    const old = bySeq.get(row.seq);
    bySeq.set(row.seq, old === undefined ? row : newer(old, row));
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

export type Place = 'newest' | 'before' | 'after' | 'around';

export interface PageInfo {
  place: Place;
  limit: number;
  /** The room's newest message when the page was read. */
  headSeq: number;
}

/** A window with a page from the server in it. Pages beside the window extend it; others replace it. */
export function withPage(window: Window, messages: readonly Message[], info: PageInfo): Window {
  const fresh = messages.map(toRow);
  const first = fresh[0]?.seq;
  const last = fresh.at(-1)?.seq;
  const touchesStart = first === undefined || first <= 1;
  const touchesEnd = last === undefined || last >= info.headSeq;
  switch (info.place) {
    case 'before': {
      if (!isBeside(window, fresh)) return window;
      const reachesStart = touchesStart || fresh.length < info.limit;
      return { ...window, rows: merged(window.rows, fresh), reachesStart };
    }
    case 'after':
      if (!isBeside(window, fresh)) return window;
      return { ...window, rows: merged(window.rows, fresh), reachesEnd: touchesEnd };
    default: {
      // What was known before may be newer than the page, but may also leave a hole between itself and it.
      const known = window.rows.filter((row) => row.seq >= (first ?? 0) && row.seq <= (last ?? 0));
      const short = info.place === 'newest' && fresh.length < info.limit;
      return { ...EMPTY, rows: merged(known, fresh), reachesStart: touchesStart || short, reachesEnd: touchesEnd };
    }
  }
}

/** Whether a page still touches the window: the end that it was asked for may have been cut off meanwhile. */
function isBeside({ rows }: Window, page: readonly Row[]): boolean {
  const [first, last] = [rows[0]?.seq, rows.at(-1)?.seq];
  const [from, to] = [page[0]?.seq, page.at(-1)?.seq];
  if (first === undefined || last === undefined || from === undefined || to === undefined) return true;
  return from <= last + 1 && to >= first - 1;
}

/** Cuts a window down to what the document may hold, from the end that nobody looks at. */
export function trimmed(window: Window, keep: 'start' | 'end', most: number = MOST_ROWS): Window {
  const surplus = window.rows.length - most;
  if (surplus <= 0) return window;
  return keep === 'start'
    ? detached({ ...window, rows: window.rows.slice(0, most) })
    : { ...window, rows: window.rows.slice(surplus), reachesStart: false };
}

/** A window that something follows which is not known: nothing more is put behind its end. */
export function detached(window: Window): Window {
  return { ...window, reachesEnd: false, ahead: [] };
}

/** A window with the record of an event. Events come in order, so one that does not follow tells of others left out. */
export function withMessage(window: Window, message: Message): Window {
  const row = toRow(message);
  const known = withKnown(window, row);
  if (known !== undefined) return known;
  const last = window.rows.at(-1)?.seq ?? row.seq - 1;
  if (!window.reachesEnd || row.seq <= last) return window;
  return row.seq === last + 1 ? withNext(window, row) : detached(window);
}

/** A window with the record of an answer. It may overtake the events of messages before it, so it waits for those. */
export function withAnswer(window: Window, message: Message): Window {
  const row = toRow(message);
  const known = withKnown(window, row);
  if (known !== undefined) return known;
  const last = window.rows.at(-1)?.seq ?? 0;
  if (!window.reachesEnd || row.seq <= last) return window;
  if (row.seq === last + 1) return withNext(window, row);
  return { ...window, ahead: merged(window.ahead, [row]) };
}

/** With a newer record of a row that is there; `undefined` when it is not there. */
function withKnown(window: Window, row: Row): Window | undefined {
  const at = window.rows.findIndex((known) => known.seq === row.seq);
  const old = window.rows[at];
  if (old === undefined) return undefined;
  const next = newer(old, row);
  return next === old ? window : { ...window, rows: window.rows.with(at, next) };
}

/** With the row that follows the last one, and with those that waited for it. */
function withNext(window: Window, row: Row): Window {
  const waited = window.ahead.find((one) => one.seq === row.seq);
  const next = waited === undefined ? row : newer(row, waited);
  const grown = { ...window, rows: [...window.rows, next], ahead: window.ahead.filter((one) => one.seq > row.seq) };
  const [follower] = grown.ahead;
  return follower?.seq === row.seq + 1 ? withNext(grown, follower) : grown;
}

/** A window with one's own reaction as the server has just confirmed it. */
export function withMine(window: Window, message: Message, emoji: string, on: boolean): Window {
  const known = withAnswer(window, message);
  return withReaction(
    known,
    { seq: message.seq, emoji, user: 'me', on, count: 0 },
    Math.min(message.rev, known.rows.find((row) => row.seq === message.seq)?.rev ?? 0),
    'me',
  );
}

export function withReaction(window: Window, change: ReactionChange, rev: number, me: string): Window {
  const at = window.rows.findIndex((row) => row.seq === change.seq);
  const old = window.rows[at];
  if (old === undefined) return window;
  let next = old;
  if (rev > old.rev) next = { ...next, rev, reactions: counted(old.reactions, change) };
  if (change.user === me && rev > old.mineRev) {
    const others = old.mine.filter((emoji) => emoji !== change.emoji);
    next = { ...next, mineRev: rev, mine: change.on ? [...others, change.emoji] : others };
  }
  return next === old ? window : { ...window, rows: window.rows.with(at, next) };
}

function counted(reactions: Message['reactions'], change: ReactionChange): Message['reactions'] {
  const { emoji, count } = change;
  if (count <= 0) return reactions.filter((one) => one.emoji !== emoji);
  const known = reactions.some((one) => one.emoji === emoji);
  if (!known) return [...reactions, { emoji, count }];
  return reactions.map((one) => (one.emoji === emoji ? { emoji, count } : one));
}

/** The one place where a durable change of a room enters a window. */
export function apply(window: Window, event: StreamEvent, me: string): Window {
  switch (event.kind) {
    case 'message.posted':
    case 'message.edited':
    case 'message.deleted':
    case 'message.pinned':
    case 'thread.started':
      return withMessage(window, event.data as Message);
    case 'reaction.changed':
      return withReaction(window, event.data as ReactionChange, event.rev, me);
    default:
      return window;
  }
}
