import type { Message, ReactionChange, StreamEvent } from '../api/types';

/** More rows than this in the document make typing slow on a phone. */
export const MOST_ROWS = 300;

/** A message as the page holds it. */
export interface Row extends Message {
  mine: string[];
  /** Up to which rev `mine` is known: events are the same for every receiver and do not carry it. */
  mineRev: number;
}

/** The part of a room's messages that the page holds: without holes, oldest first. */
export interface Window {
  rows: readonly Row[];
  reachesStart: boolean;
  reachesEnd: boolean;
}

export const EMPTY: Window = { rows: [], reachesStart: false, reachesEnd: false };

export function toRow(message: Message): Row {
  const fromPage = message.mine !== undefined;
  return { ...message, mine: message.mine ?? [], mineRev: fromPage ? message.rev : 0 };
}

/** The newer of two records of one message. A page's knowledge of one's own reactions outlives an event's lack of it. */
function newer(old: Row, fresh: Row): Row {
  if (fresh.rev > old.rev) {
    return fresh.mineRev > 0 ? fresh : { ...fresh, mine: old.mine, mineRev: old.mineRev };
  }
  if (fresh.mineRev > old.mineRev) return { ...old, mine: fresh.mine, mineRev: fresh.mineRev };
  return old;
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
    case 'before':
      return {
        rows: merged(window.rows, fresh),
        reachesStart: touchesStart || fresh.length < info.limit,
        reachesEnd: window.reachesEnd,
      };
    case 'after':
      return {
        rows: merged(window.rows, fresh),
        reachesStart: window.reachesStart,
        reachesEnd: touchesEnd,
      };
    default: {
      // What was known before may be newer than the page, but may also leave a hole between itself and it.
      const known = window.rows.filter((row) => row.seq >= (first ?? 0) && row.seq <= (last ?? 0));
      const short = info.place === 'newest' && fresh.length < info.limit;
      return { rows: merged(known, fresh), reachesStart: touchesStart || short, reachesEnd: touchesEnd };
    }
  }
}

/** Cuts a window down to what the document may hold, from the end that nobody looks at. */
export function trimmed(window: Window, keep: 'start' | 'end', most: number = MOST_ROWS): Window {
  const surplus = window.rows.length - most;
  if (surplus <= 0) return window;
  return keep === 'start'
    ? { ...window, rows: window.rows.slice(0, most), reachesEnd: false }
    : { ...window, rows: window.rows.slice(surplus), reachesStart: false };
}

/** A window with one record in it, posted, edited or deleted. */
export function withMessage(window: Window, message: Message): Window {
  const row = toRow(message);
  const at = window.rows.findIndex((known) => known.seq === row.seq);
  const old = window.rows[at];
  if (old !== undefined) {
    const next = newer(old, row);
    return next === old ? window : { ...window, rows: window.rows.with(at, next) };
  }
  const first = window.rows[0]?.seq;
  const last = window.rows.at(-1)?.seq;
  const isNext = window.reachesEnd && row.seq > (last ?? 0);
  if (isNext) return { ...window, rows: [...window.rows, row] };
  // The answer to one's own post may overtake the event of an earlier one of somebody else.
  const isBetween = first !== undefined && last !== undefined && row.seq > first && row.seq < last;
  return isBetween ? { ...window, rows: merged(window.rows, [row]) } : window;
}

/** A window with one's own reaction as the server has just confirmed it. */
export function withMine(window: Window, message: Message, emoji: string, on: boolean): Window {
  const known = withMessage(window, message);
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
      return withMessage(window, event.data as Message);
    case 'reaction.changed':
      return withReaction(window, event.data as ReactionChange, event.rev, me);
    default:
      return window;
  }
}
