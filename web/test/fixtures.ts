import type { Message, StreamEvent } from '../src/lib/api/types';
import { EMPTY, withPage, type Window } from '../src/lib/timeline/window';

export const ME = 'me';
export const OTHER = 'other';

export function message(seq: number, changes: Partial<Message> = {}): Message {
  return {
    room: 'room',
    seq,
    rev: seq,
    author: OTHER,
    at: new Date(Date.UTC(2026, 10, 20, 9, seq)).toISOString(),
    n: seq,
    text: `text ${seq}`,
    reply_to: null,
    edited_at: null,
    deleted: null,
    reactions: [],
    ...changes,
  };
}

export function range(from: number, to: number): Message[] {
  return Array.from({ length: to - from + 1 }, (_, at) => message(from + at, { mine: [] }));
}

/** A window that reaches the room's end. */
export function newest(from: number, to: number): Window {
  return withPage(EMPTY, range(from, to), { place: 'newest', limit: to - from + 1, headSeq: to });
}

export function event(kind: string, rev: number, data: unknown): StreamEvent {
  return { stream: 'room:room', rev, at: '2026-11-20T09:00:00.000Z', kind, data };
}

export const seqs = (window: Window) => window.rows.map((row) => row.seq);
